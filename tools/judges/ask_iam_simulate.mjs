// Answers cases with @cloud-copilot/iam-simulate: one case a line on stdin, one verdict a line on
// stdout. Run from the judges' own folder, where that package is installed; it is AGPL, and this
// program is run by tests as a process of its own.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const require = createRequire(pathToFileURL(process.cwd() + '/'))
const { runSimulation } = require('@cloud-copilot/iam-simulate')

const VERDICTS = {
  Allowed: 'allow',
  ExplicitlyDenied: 'explicit deny',
  ImplicitlyDenied: 'implicit deny'
}
const named = (policies) => policies.map((policy, index) => ({ name: `p${index}`, policy }))
const levels = (found) =>
  (found ?? []).map((policies, index) => ({
    orgIdentifier: `level-${index}`,
    // A name of its own for each: the package collects errors by name.
    policies: policies.map((policy, number) => ({ name: `l${index}-p${number}`, policy }))
  }))

async function verdict(one) {
  const answer = await runSimulation(
    {
      request: {
        principal: one.arn,
        action: one.action,
        resource: { resource: one.target, accountId: one.target_account },
        contextVariables: one.context
      },
      identityPolicies: named(one.identity ?? []),
      permissionBoundaryPolicies: one.boundary ? named([one.boundary]) : undefined,
      sessionPolicy: one.session,
      serviceControlPolicies: levels(one.service_control),
      resourceControlPolicies: levels(one.resource_control),
      resourcePolicy: one.resource
    },
    {}
  )
  if (answer.resultType === 'error') throw new Error(JSON.stringify(answer.errors))
  const ignored = answer.result?.ignoredContextKeys ?? []
  if (ignored.length > 0) throw new Error(`context keys that it ignores: ${ignored}`)
  return VERDICTS[answer.overallResult]
}

for await (const line of createInterface({ input: process.stdin })) {
  const one = JSON.parse(line)
  try {
    console.log(JSON.stringify([one.name, await verdict(one)]))
  } catch (error) {
    console.log(JSON.stringify([one.name, `crash: ${error.message}`]))
  }
}

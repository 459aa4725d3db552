"""Build the ARN of a resource that a call names by its id alone.

Source: Service Authorization Reference, "Resource types" of each service.
"""

from __future__ import annotations

from containment.trail.facts.principals import label

# {p} partition, {r} Region, {a} account, {id} the id.
_FORMS = {
    "AWS::S3::Bucket": "arn:{p}:s3:::{id}",
    "AWS::EC2::Instance": "arn:{p}:ec2:{r}:{a}:instance/{id}",
    "AWS::EC2::Volume": "arn:{p}:ec2:{r}:{a}:volume/{id}",
    "AWS::EC2::Snapshot": "arn:{p}:ec2:{r}::snapshot/{id}",
    "AWS::EC2::Image": "arn:{p}:ec2:{r}::image/{id}",
    "AWS::EC2::SecurityGroup": "arn:{p}:ec2:{r}:{a}:security-group/{id}",
    "AWS::EC2::VPC": "arn:{p}:ec2:{r}:{a}:vpc/{id}",
    "AWS::EC2::Subnet": "arn:{p}:ec2:{r}:{a}:subnet/{id}",
    "AWS::EC2::NetworkInterface": "arn:{p}:ec2:{r}:{a}:network-interface/{id}",
    "AWS::EC2::KeyPair": "arn:{p}:ec2:{r}:{a}:key-pair/{id}",
    "AWS::EC2::LaunchTemplate": "arn:{p}:ec2:{r}:{a}:launch-template/{id}",
    "AWS::RDS::DBInstance": "arn:{p}:rds:{r}:{a}:db:{id}",
    "AWS::RDS::DBSnapshot": "arn:{p}:rds:{r}:{a}:snapshot:{id}",
    "AWS::Lambda::Function": "arn:{p}:lambda:{r}:{a}:function:{id}",
    "AWS::DynamoDB::Table": "arn:{p}:dynamodb:{r}:{a}:table/{id}",
    "AWS::Logs::LogGroup": "arn:{p}:logs:{r}:{a}:log-group:{id}",
    "AWS::KMS::Key": "arn:{p}:kms:{r}:{a}:key/{id}",
    "AWS::IAM::User": "arn:{p}:iam::{a}:user/{id}",
    "AWS::IAM::Role": "arn:{p}:iam::{a}:role/{id}",
    "AWS::IAM::Group": "arn:{p}:iam::{a}:group/{id}",
    "AWS::ECS::Cluster": "arn:{p}:ecs:{r}:{a}:cluster/{id}",
    "AWS::GuardDuty::Detector": "arn:{p}:guardduty:{r}:{a}:detector/{id}",
    "AWS::SSM::Document": "arn:{p}:ssm:{r}:{a}:document/{id}",
    "AWS::CloudTrail::Trail": "arn:{p}:cloudtrail:{r}:{a}:trail/{id}",
    "AWS::ECR::Repository": "arn:{p}:ecr:{r}:{a}:repository/{id}",
    "AWS::Route53::HostedZone": "arn:{p}:route53:::hostedzone/{id}",
}


def arn_of(name: str, kind: str, account: str, region: str) -> str:
    """Return the ARN of *name*; empty where its form is not known, or a part is missing."""
    if name.startswith("arn:"):
        return name
    if kind == "AWS::KMS::Key" and name.startswith("alias/"):
        return f"arn:{_partition(region)}:kms:{region}:{account}:{name}"
    form = _FORMS.get(kind, "")
    if not form or ("{a}" in form and not account) or ("{r}" in form and not region):
        return ""
    return form.format(p=_partition(region), r=region, a=account, id=name)


def resource_identity(arn: str, name: str) -> str:
    """Return one name for a resource, however it was named: a path of IAM's is left out."""
    if ":iam:" in arn and arn.rpartition(":")[2].startswith(("user/", "role/")):
        return label(arn)
    return arn or name


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"

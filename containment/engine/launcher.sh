#!/bin/sh
# containment's launcher for the Pulumi engine, written by `make setup`: what the project needs set, if it is not set.
engine=@ENGINE@

if [ ! -x "$engine" ]; then
  echo "error: the pulumi that was found at $engine is gone; run 'make setup'" >&2
  exit 1
fi
case "${PULUMI_SKIP_CHECKPOINTS:-}" in
  '' | 0 | [Ff] | [Ff]alse | FALSE) ;;
  *)
    echo "error: PULUMI_SKIP_CHECKPOINTS is set: after a crash nothing would remember what was changed in AWS;" \
      "unset it and run this again" >&2
    exit 1
    ;;
esac

looks= changes=
case " $* " in
  *' up '* | *' update '* | *' destroy '* | *' down '* | *' refresh '* | *' import '*) looks=yes changes=yes ;;
  *' preview '* | *' pre '*) looks=yes ;;
esac
endpoint=${AWS_ENDPOINT_URL_IAM:-${AWS_ENDPOINT_URL:-}}
case "$endpoint" in
  '' | https://*.amazonaws.com | https://*.amazonaws.com/* | https://*.amazonaws.com.cn | https://*.amazonaws.com.cn/* | https://*.api.aws | https://*.api.aws/*) ;;
  *) if [ -n "$looks" ]; then echo "EMULATED: $endpoint is not AWS; no real account is touched" >&2; fi ;;
esac

backend=${PULUMI_BACKEND_URL:-}
if [ -z "$backend" ]; then
  login=${PULUMI_CREDENTIALS_PATH:-${PULUMI_HOME:-$HOME/.pulumi}}/credentials.json
  if [ -r "$login" ]; then backend=$(sed -n 's/.*"current": *"\(file:[^"]*\)".*/\1/p' "$login"); fi
fi
case "$backend" in
  file:*)
    if [ -z "${PULUMI_CONFIG_PASSPHRASE+set}${PULUMI_CONFIG_PASSPHRASE_FILE:-}" ]; then
      export PULUMI_CONFIG_PASSPHRASE=
    fi
    if [ -z "$endpoint" ] && [ -n "$changes" ]; then
      echo "warning: the state of a change in AWS goes to a file on this machine: if it is lost, no lift is exact;" \
        "log in to a shared backend (pulumi login s3://BUCKET)" >&2
    fi
    ;;
esac

# A cancel takes the lock away, also from a run that is alive: then two change AWS, and one's state is lost.
case " $* " in
  *' cancel '*)
    place=${backend#file:} place=${place#//}
    for lock in "$place"/.pulumi/locks/organization/containment/*/*.json; do
      [ -r "$lock" ] || continue
      stack=${lock%/*} stack=${stack##*/}
      case " $* " in *" $stack "* | *"=$stack "*) ;; *' -s'* | *' --stack'*) continue ;; esac
      pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$lock")
      host=$(sed -n 's/.*"hostname": *"\([^"]*\)".*/\1/p' "$lock")
      if [ "$host" = "$(uname -n)" ] && kill -0 "$pid" 2>/dev/null &&
        { cat "/proc/$pid/comm" 2>/dev/null || ps -p "$pid" -o comm=; } | grep -q pulumi; then
        echo "error: $stack is being changed right now by process $pid, and a cancel would let another run change it too;" \
          "wait until it ends, or stop it with 'kill -INT $pid', which lets the change in flight finish" >&2
        exit 1
      fi
    done
    ;;
esac

export PULUMI_SKIP_UPDATE_CHECK="${PULUMI_SKIP_UPDATE_CHECK-true}"
export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION="${PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION-true}"
export PULUMI_CONTINUE_ON_ERROR="${PULUMI_CONTINUE_ON_ERROR-true}"
export PULUMI_DIY_BACKEND_GZIP="${PULUMI_DIY_BACKEND_GZIP-true}"
exec "$engine" "$@"

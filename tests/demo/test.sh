#!/usr/bin/env bash
# Runs the demo and requires each line that it must print: what the lookup returned, and the
# webhooks that were verified. Also requires that a webhook with a wrong signature is refused.
. "$(dirname "$0")/../common.sh"
if ! "$CC" --version >/dev/null 2>&1; then
    skip c
    exit
fi
step "demo" "a few seconds"
printed=$target/demo.out
tests/demo/run.sh +46703339954 >"$printed"

missing=0
# expect REGEX: the whole of a line.
expect() {
    grep -qEx -- "$1" "$printed" || {
        echo "make demo printed no line that matches: $1" >&2
        missing=1
    }
}
id='[0-9a-f-]{36}'
url='http://127\.0\.0\.1:[0-9]+'
expect "1\\. Session $id is pending\\."
expect "  $url/[^ ]+"
expect '  pending after [0-9]+ ms'
expect '  accepted after [0-9]+ ms'
expect '3\. The session ended accepted: the user is verified\.'
expect '4\. The lookup returned:'
expect '  phone_number     \+46703339954'
expect '  locale           En'
expect '  redirect_success https://my_success_url\.com'
expect '  redirect_failure https://my_failure_url\.com'
expect '  relay_state      Tulasi_V5_SMS'
expect "  webhook          $url/webhook"
expect "5\\. Webhooks, received at $url/webhook:"
expect "  session_created of session $id, [a-z]+: the signature is valid\\."
expect "  session_finished of session $id, accepted: the signature is valid\\."
tail -n 1 "$printed" | grep -q '^  session_finished ' || {
    echo "the last line of make demo is not the webhook session_finished" >&2
    missing=1
}
if [ $missing = 1 ]; then
    cat "$printed" >&2
    exit 1
fi

forged=$(echo '{"id":"a"}' | CONTENT_LENGTH=11 HTTP_X_ZIGNSEC_HMAC_SHA256=t=1,v1=00 \
    ZIGNSEC_WEBHOOK_SECRET=secret "$target/c/webhook" 2>"$target/forged.err")
[[ $forged == 'Status: 400 Bad Request'* ]]
grep -q '^ZS_ERROR_WEBHOOK_SIGNATURE: ' "$target/forged.err"

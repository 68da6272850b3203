#!/usr/bin/env bash
# Runs examples in languages other than C with the DLL, under Wine: languages.sh x86_64-pc-windows-gnu
#
# Pascal is cross-compiled by Free Pascal. C# is compiled by Mono's compiler and run by .NET Core for
# Windows, which is in a package of PyPI. Both are 64-bit.
. "$(dirname "$0")/../common.sh"
row=$1
dotnet=$target/platforms/dotnet
if [ "$row" != x86_64-pc-windows-gnu ]; then
    echo "skipped: languages: Debian has no Free Pascal for $row, and PyPI no .NET"
    echo "$row: 0 run, 0 failed, 1 skipped"
    exit
fi
if [ ! -e "$dotnet/dotnet.exe" ]; then
    folder=$(mktemp -d)
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --platform win_amd64 --only-binary :all: --dest "$folder" \
        -r tests/platforms/requirements-dotnet.txt
    python3 -m zipfile -e "$folder"/dotnetcore2-*.whl "$folder/wheel"
    mv "$folder/wheel/dotnetcore2/bin" "$dotnet"
    rm -r "$folder"
fi
[ -e /zignsec/system ] || cargo build -p zignsec-sandbox --example demo
. tests/platforms/target.sh

step "examples in other languages on Windows"
cargo build "${cargo_flags[@]}" -p zignsec-c
folder=$target/platforms/languages
rm -rf "$folder"
mkdir -p "$folder"
cp "$output/zignsec.dll" "$folder/zignsec-$soversion.dll"

fpc -v0 -Twin64 "-o$folder/pascal.exe" "-FU$folder" examples/pascal/phone_2fa.pas >"$folder/fpc.txt" ||
    { cat "$folder/fpc.txt"; exit 1; }
mcs -define:WINDOWS "-out:$folder/csharp.exe" examples/csharp/Phone2fa.cs
# A program of .NET Core names its runtime. Wine has no data of locales for it.
cat >"$folder/csharp.runtimeconfig.json" <<'JSON'
{"runtimeOptions": {
    "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
    "configProperties": {"System.Globalization.Invariant": true}
}}
JSON

run=0 failed=0
# check EXPECTED STATUS COMMAND...: it prints this, and ends with this status.
check() {
    local status=0
    run=$((run + 1))
    "${@:3}" >"$folder/printed" 2>&1 || status=$?
    if [ "$status" != "$2" ] || ! grep -q "$1" "$folder/printed"; then
        failed=$((failed + 1))
        echo "FAILED  ${*:3}: exit status $status"
        cat "$folder/printed"
    fi
}
for program in "$folder/pascal.exe" "$dotnet/dotnet.exe $folder/csharp.exe"; do
    read -ra command <<<"${runner[*]} $program"
    check 'the user is verified' 0 "$target/debug/examples/demo" "${command[@]}" +46701740605
    check ZS_ERROR_CONNECT 1 env ZIGNSEC_BASE_URL=http://127.0.0.1:1 ZIGNSEC_API_KEY=a-key \
        "${command[@]}" +46701740605
done
echo "$row: $run run, $failed failed, 0 skipped"
[ "$failed" = 0 ]

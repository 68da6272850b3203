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
python3 tests/python/examples/scripted_user.py "$row" "$target/debug/zignsec-sandbox" \
    pascal "wine $folder/pascal.exe" csharp "wine $dotnet/dotnet.exe $folder/csharp.exe"

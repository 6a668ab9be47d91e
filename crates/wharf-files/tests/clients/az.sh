#!/usr/bin/env bash
# The Azure CLI, unmodified, by its commands for file shares. Arguments: endpoint, account, key, directory to work in.
set -euo pipefail
endpoint="$1" account="$2" key="$3"
cd "$4"
export AZURE_CONFIG_DIR="$4/az" AZURE_CORE_COLLECT_TELEMETRY=no AZURE_CORE_OUTPUT=tsv AZURE_CORE_ONLY_SHOW_ERRORS=yes
export AZURE_STORAGE_CONNECTION_STRING="DefaultEndpointsProtocol=http;AccountName=$account;AccountKey=$key;FileEndpoint=$endpoint"

# Checks the output of a command.
says() { # expected command...
  local expected="$1" got
  shift
  got="$("$@")"
  [ "$got" = "$expected" ] || { echo "$*: '$got' instead of '$expected'" >&2; exit 1; }
}

# Checks that a command fails with a code.
fails() { # code command...
  local code="$1" said
  shift
  if said="$("$@" 2>&1)"; then echo "$*: succeeded" >&2; exit 1; fi
  [[ "$said" == *"$code"* ]] || { echo "$*: no $code in: $said" >&2; exit 1; }
}

share() { az storage share "$@"; }
directory() { az storage directory "$@" --share-name docs; }
file() { az storage file "$@" --share-name docs; }

says true share create --name docs --quota 7 --metadata owner=me --query created
says false share create --name docs --query created
says true share exists --name docs --query exists
says $'data\ndocs' share list --query '[].name'
says 7 share show --name docs --query properties.quota
share update --name docs --quota 9 >/dev/null
says 9 share show --name docs --query properties.quota
share metadata update --name docs --metadata other=you >/dev/null
says you share metadata show --name docs --query other
share policy create --name readers --share-name docs --permissions rl --expiry 2099-01-01T00:00:00Z >/dev/null
says readers share policy list --share-name docs --query 'keys(@)'

says true directory create --name dir --query created
says true directory exists --name dir --query exists
directory metadata update --name dir --metadata k=v >/dev/null
says v directory metadata show --name dir --query k
directory create --name dir/sub >/dev/null
says sub directory list --name dir --query '[].name'

head -c 9000000 /dev/urandom >big
file upload --source big --path dir/big.bin --content-type text/x --metadata k=v --no-progress >/dev/null
mkdir got
file download --path dir/big.bin --dest got --no-progress >/dev/null
cmp big got/big.bin
says 9000000 file show --path dir/big.bin --query properties.contentLength
says true file exists --path dir/big.bin --query exists
file resize --path dir/big.bin --size 1000 >/dev/null
says 1000 file show --path dir/big.bin --query properties.contentLength
file update --path dir/big.bin --content-type text/y >/dev/null
says text/y file show --path dir/big.bin --query properties.contentSettings.contentType
file metadata update --path dir/big.bin --metadata other=w >/dev/null
says w file metadata show --path dir/big.bin --query other
says $'sub\nbig.bin' file list --path dir --query '[].name'
says success az storage file copy start --source-share docs --source-path dir/big.bin --destination-share docs --destination-path copy.bin --query status
says 1000 file show --path copy.bin --query properties.contentLength

snapshot="$(share snapshot --name docs --query snapshot)"
says 1 share list --include-snapshots --query "length([?snapshot=='$snapshot'])"
file delete --path copy.bin >/dev/null
says true file exists --path copy.bin --snapshot "$snapshot" --query exists
mkdir then
file download --path dir/big.bin --snapshot "$snapshot" --dest then --no-progress >/dev/null
says 1000 stat -c %s then/big.bin
says success az storage file copy start --source-share docs --source-path copy.bin --file-snapshot "$snapshot" --destination-share docs --destination-path copy.bin --query status
fails ShareHasSnapshots share delete --name docs
says true share delete --name docs --snapshot "$snapshot" --query deleted
share snapshot --name docs >/dev/null

mkdir -p many/a/b
for n in 1 2 3; do echo "$n" >"many/a/b/$n.txt"; done
: >many/empty
az storage file upload-batch --source many --destination docs --destination-path batch --no-progress >/dev/null
mkdir back
az storage file download-batch --source docs/batch --destination back --no-progress >/dev/null
diff -r many back/batch 2>/dev/null || diff -r many back
az storage file copy start-batch --source-share docs --pattern 'batch/a/*' --destination-share data >/dev/null
says 2 az storage file show --share-name data --path batch/a/b/2.txt --query properties.contentLength

signature="$(file generate-sas --path dir/big.bin --permissions r --expiry 2099-01-01T00:00Z)"
signed() { AZURE_STORAGE_CONNECTION_STRING="FileEndpoint=$endpoint;SharedAccessSignature=$signature" az storage file "$@"; }
says 1000 signed show --share-name docs --path dir/big.bin --query properties.contentLength
fails "required permissions" signed delete --share-name docs --path dir/big.bin
fails "Authentication failure" signed show --share-name docs --path copy.bin

fails DirectoryNotEmpty directory delete --name dir
file delete --path dir/big.bin >/dev/null
says false file exists --path dir/big.bin --query exists
az storage file delete-batch --source docs --pattern 'batch/*' >/dev/null
directory delete --name dir/sub >/dev/null
directory delete --name dir >/dev/null
says true share delete --name docs --delete-snapshots include --query deleted

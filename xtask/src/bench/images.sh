#!/bin/bash
# Makes the OCI layouts DIR/large and DIR/small, tag 1, of this host's own files.
set -e
dir=$1
put() { # layout, file: moves it among the blobs and tells digest and size
    local digest size
    digest=$(sha256sum "$2" | cut -d' ' -f1)
    size=$(stat -c %s "$2")
    mv "$2" "$1/blobs/sha256/$digest"
    echo "\"digest\":\"sha256:$digest\",\"size\":$size"
}
layout() { # name, layers: lists of files are NAME.N
    local at="$dir/$1" layers="" diffs="" packed=0 plain=0
    mkdir -p "$at/blobs/sha256"
    for number in $(seq 0 $(($2 - 1))); do
        tar -cf "$at/layer" --numeric-owner --no-recursion -T "$dir/$1.$number" 2>/dev/null
        plain=$((plain + $(stat -c %s "$at/layer")))
        diffs="$diffs,\"sha256:$(sha256sum "$at/layer" | cut -d' ' -f1)\""
        gzip -n -6 "$at/layer"
        packed=$((packed + $(stat -c %s "$at/layer.gz")))
        layers="$layers,{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",$(put "$at" "$at/layer.gz")}"
    done
    local arch=amd64
    [ "$(uname -m)" = aarch64 ] && arch=arm64
    echo "{\"architecture\":\"$arch\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[${diffs#,}]}}" > "$at/config"
    local config="{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",$(put "$at" "$at/config")}"
    echo "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":$config,\"layers\":[${layers#,}]}" > "$at/manifest"
    local manifest="{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",$(put "$at" "$at/manifest"),\"annotations\":{\"org.opencontainers.image.ref.name\":\"1\"}}"
    echo "{\"schemaVersion\":2,\"manifests\":[$manifest]}" > "$at/index.json"
    echo '{"imageLayoutVersion":"1.0.0"}' > "$at/oci-layout"
    echo "$1: $2 layers, $(cat "$dir/$1".* | wc -l) files, $((plain >> 20)) MiB unpacked, $((packed >> 20)) MiB packed (gzip)" > "$at/about"
}
# A fifth of a system's files by chance, up to 400 MB; the order does not change between runs.
find /usr -xdev -type f -size -32M -printf '%s %p\n' | LC_ALL=C sort -k2 | awk -v dir="$dir" '
    { hash = ($1 * 2654435761 + length($2) * 40503) % 4294967296 }
    total < 400e6 && hash % 5 == 0 { total += $1; print $2 > (dir "/large." (n++ % 8)) }'
find /usr -xdev -type f -size -8k -printf '%p\n' | LC_ALL=C sort | head -16000 | awk -v dir="$dir" '
    { print > (dir "/small." (n++ % 40)) }'
layout large 8
layout small 40

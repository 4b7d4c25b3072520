#!/usr/bin/env bash
# Runs the README's tour, command by command, against a given binary (default: target/release/meilisearch).
# The commands are taken out of README.md, so the tour cannot go stale. Only the two ports are changed, to
# free ones, and everything happens in a temporary folder. Exit status 0 if every command did its work.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
binary=$(realpath "${1:-$root/target/release/meilisearch}")
work=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
first=$(free_port) second=$(free_port)

# The code blocks that follow a line `<!-- tour -->`.
awk '/^<!-- tour -->$/ { tour = 1; next }
     tour && /^```sh$/ { inside = 1; next }
     /^```$/ { if (inside) print "echo"; inside = tour = 0 }
     inside' "$root/README.md" \
    | sed -e "s/localhost:7700/127.0.0.1:$first/g" -e "s/localhost:7701/127.0.0.1:$second/g" > "$work/tour"
[ "$(grep -c . "$work/tour")" -ge 20 ] || { echo "the tour was not found in README.md"; exit 1; }

mkdir -p "$work/target/release" && cp -r "$root/datasets" "$work/" && ln -s "$binary" "$work/target/release/meilisearch"
cd "$work"
"$binary" --http-addr "127.0.0.1:$first" 2> first.log &
server=$!
for _ in $(seq 100); do curl -s "http://127.0.0.1:$first/health" | grep -q available && break; sleep 0.1; done

if ! timeout 120 bash -euo pipefail tour > out 2> errors; then
    cat out errors; tail -20 first.log second.log 2>/dev/null || true
    echo "the tour failed"; exit 1
fi

# What a reader must see.
expect() { grep -qF -- "$1" out || { cat out errors; echo "the tour did not print: $1"; exit 1; }; }
expect '"name":"Angola"'
expect '"languages":{"Afrikaans":1,'
expect '"type":"singleIndexSnapshotCreation"'
expect 'data.mdb: OK'
expect '"type":"singleIndexSnapshotImport"'
[ "$(grep -c '"status":"succeeded"' out)" -eq 4 ] || { cat out; echo "a task of the tour did not succeed"; exit 1; }
[ "$(grep -cF '"hits":[{"id":127,"name":"Nigeria"' out)" -eq 2 ] || { cat out; echo "the two servers do not answer alike"; exit 1; }
echo "tour: every command worked"

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Every MESSAGE_ID of daemon/util/message-ids.h is logged somewhere, has an entry in
# the catalog, and every entry an id; no other file makes up ids of its own; and journalctl takes the catalog.

set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0

ids() { grep -oE 'MESSAGE_ID=[0-9a-f]{32}' "$1" | cut -d= -f2 | sort; }
entries() { sed -nE 's/^-- ([0-9a-f]{32})$/\1/p' units/php-pool.catalog | sort; }

difference=$(diff <(ids daemon/util/message-ids.h) <(entries)) || {
        echo "daemon/util/message-ids.h (<) and units/php-pool.catalog (>) differ:"
        echo "$difference"
        bad=1
}
[[ ! $(ids daemon/util/message-ids.h | uniq -d) ]] || { echo "an id is there twice"; bad=1; }

while read -r name; do
        grep -rqw --include='*.c' "$name" daemon || { echo "daemon/util/message-ids.h: nobody logs $name"; bad=1; }
done < <(sed -nE 's/^#define (MESSAGE_ID_[A-Z_]+).*/\1/p' daemon/util/message-ids.h)

# An id that nothing explains is found here as well.
while IFS=: read -r file line id; do
        grep -q "$id" daemon/util/message-ids.h || { echo "$file:$line: $id is not in daemon/util/message-ids.h"; bad=1; }
done < <(grep -rnoE --include='*.[ch]' 'MESSAGE_ID=[0-9a-f]{32}' daemon || :)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/usr/lib/systemd/catalog" "$root/var/lib/systemd/catalog"
cp units/php-pool.catalog "$root/usr/lib/systemd/catalog"
said=$(journalctl --root="$root" --update-catalog 2>&1) || { echo "journalctl does not take the catalog: $said"; bad=1; }
said=$(journalctl --root="$root" --list-catalog 2>&1 | wc -l)
[[ $said == $(entries | wc -l) ]] || { echo "journalctl finds $said entries in the catalog"; bad=1; }

exit $bad

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The layout of .clang-format, everywhere. `clang-format -i FILE` mends it.

set -euo pipefail
cd "$(dirname "$0")/../.."

command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 1; }
find daemon tests -name '*.[ch]' -print0 | xargs -0 clang-format --style=file --dry-run -Werror

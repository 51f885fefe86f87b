# SPDX-License-Identifier: MIT
# bash(1) completion for php-poolctl(1)

_php_poolctl() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
        local verbs='list status top requests kill-request profile logs check doctor reload wait-reload exec new import metrics web'
        local options='--json --follow --lines --seconds --hz --folded --output --root --host --print --force --port
                --unit-dir --front-dir --no-legend --no-pager --config-dir --run-dir --worker-dir --help --version'
        local config_dir=/etc/php-pool verb='' i file n=0

        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                --config-dir) config_dir=${COMP_WORDS[++i]} ;;
                --run-dir | --worker-dir | --unit-dir | --front-dir | --root | --output | -o | --lines | -n | --seconds | --hz | --port | --host) ((++i)) ;;
                --) break ;;
                -*) ;;
                *)
                        if [[ $verb ]]; then ((++n)); else verb=${COMP_WORDS[i]}; fi ;;
                esac
        done

        COMPREPLY=()
        case $prev in
        --config-dir | --run-dir | --worker-dir | --unit-dir | --front-dir | --root)
                mapfile -t COMPREPLY < <(compgen -d -- "$cur")
                return
                ;;
        --output | -o)
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                return
                ;;
        --lines | -n | --seconds | --hz | --port | --host)
                return
                ;;
        esac

        if [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        elif [[ -z $verb ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
        elif [[ $verb == import ]]; then
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        elif ((n == 0)); then
                case $verb in
                list | top | new | metrics | web) return ;;
                esac
                for file in "$config_dir"/conf.d/"$cur"*.conf; do
                        [[ -e $file ]] || continue
                        file=${file##*/}
                        COMPREPLY+=("${file%.conf}")
                done
        fi
}

complete -F _php_poolctl php-poolctl

# SPDX-License-Identifier: MIT
# bash(1) completion for php-poolctl(1)

_php_poolctl() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
        local options='--json --no-legend --config-dir --run-dir --worker-dir --help --version'
        local config_dir=/etc/php-pool verb='' i file

        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                --config-dir) config_dir=${COMP_WORDS[++i]} ;;
                --run-dir | --worker-dir) ((++i)) ;;
                -*) ;;
                *) verb=${verb:-${COMP_WORDS[i]}} ;;
                esac
        done

        COMPREPLY=()
        case $prev in
        --config-dir | --run-dir | --worker-dir)
                mapfile -t COMPREPLY < <(compgen -d -- "$cur")
                return
                ;;
        esac

        if [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        elif [[ -z $verb ]]; then
                mapfile -t COMPREPLY < <(compgen -W 'list status check reload wait-reload' -- "$cur")
        elif [[ $verb != list ]]; then
                for file in "$config_dir"/conf.d/"$cur"*.conf; do
                        [[ -e $file ]] || continue
                        file=${file##*/}
                        COMPREPLY+=("${file%.conf}")
                done
        fi
}

complete -F _php_poolctl php-poolctl

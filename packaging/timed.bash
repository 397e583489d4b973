# Completion for timed and timec in bash.  The options are those that --help lists: there is no second
# list to keep.

_timed()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local line part options=

    COMPREPLY=()
    case $before in
    --user)
        mapfile -t COMPREPLY < <(compgen -u -- "$word")
        return
        ;;
    --chroot)
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    --metrics-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --log-format)
        mapfile -t COMPREPLY < <(compgen -W "text json" -- "$word")
        return
        ;;
    esac
    if [[ $word != -* ]]; then
        [[ ${1##*/} != timec ]] || mapfile -t COMPREPLY < <(compgen -A hostname -- "$word")
        return
    fi
    # "  -p, --port PORT  ...", "      --tcp, --udp  ..."
    while read -ra line; do
        for part in "${line[@]}"; do
            [[ $part == -* ]] || break
            options+=" ${part%,}"
        done
    done < <("$1" --help 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}

complete -F _timed timed timec

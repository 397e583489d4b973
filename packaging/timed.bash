# Completion for timed and timec in bash.  The options are those that --help lists: there is no second
# list to keep.

_timed()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local first second rest options=

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
    # "  -p, --port PORT   ..." or "  --port PORT   ..."
    while read -r first second rest; do
        case $first in
        -?,) options+=" ${first%,} $second" ;;
        --*) options+=" $first" ;;
        esac
    done < <("$1" --help 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}

complete -F _timed timed timec

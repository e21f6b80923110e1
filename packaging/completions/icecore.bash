# Completion of icecore for bash. What fits is known to icecore itself (icecore __complete, src/cli/completion.h),
# and it quotes the words as the line has it.

_icecore() {
    local fields=() i
    COMPREPLY=()
    mapfile -d '' -t fields < <("$1" __complete line "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null </dev/null)
    case ${fields[0]-} in
        files) compopt -o default ;;
        directories) compopt -o dirnames ;;
        words)
            for ((i = 2; i < ${#fields[@]}; i += 2)); do
                COMPREPLY+=("${fields[i]}")
            done
            if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[/:=] ]]; then
                compopt -o nospace
            fi
            ;;
    esac
}
complete -F _icecore icecore

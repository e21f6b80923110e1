# Completion of icecore for fish. What fits is known to icecore itself (icecore __complete, src/cli/completion.h).

function __icecore_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    # The word at the cursor without its quotes; one that is still open is closed first.
    set -l word (string unescape -- $typed; or string unescape -- $typed\"; or string unescape -- $typed\')
    set -l fields ($words[1] __complete words $words[2..-1] "$word" 2>/dev/null </dev/null | string split0)
    switch "$fields[1]"
        case files
            __fish_complete_path (string sub -s (math 1 + (string length -- "$fields[2]")) -- "$word") | string replace -r '^' -- "$fields[2]"
        case directories
            __fish_complete_directories (string sub -s (math 1 + (string length -- "$fields[2]")) -- "$word") | string replace -r '^' -- "$fields[2]"
        case words
            set -l i 3
            while test $i -lt (count $fields)
                # A tab begins the description, so a name with a tab cannot be offered.
                if not string match -q -- \*\t\* $fields[$i]
                    printf '%s\t%s\0' $fields[$i] $fields[(math $i + 1)]
                end
                set i (math $i + 2)
            end
    end
end

complete -c icecore -f -a '(__icecore_complete | string split0)'

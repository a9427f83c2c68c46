# Runs a server that must not outlive its owner, the process that holds the other end of standard input.
#
#   sh -c watch.sh watch FOLDER LOG COMMAND [ARGUMENT...]
#
# prints the server's process id and ends with the server's exit code. The owner writes the name of a signal to stop
# the server. When the pipe closes instead, the owner is done or dead - even by SIGKILL, which no handler of its own
# could answer - and the server stops, then FOLDER goes too unless it is empty.
#
# Why a pipe and a shell: a parent-death signal fires when the *thread* that started the child ends, and .NET threads
# come and go. The caller puts this shell into a session of its own, so that Ctrl+C at the terminal reaches the owner
# alone, which then can finish its work with the server still there.
#
# Why so many signals: a shell starts a background child with SIGINT ignored, so a signal sent before the server has
# set its handlers is lost.

folder=$1 log=$2
shift 2

# Background children get /dev/null as standard input, so the pipe moves to descriptor 3; the server must not hold it.
exec 3<&0 </dev/null 2>>"$log"
owner_gone=
trap owner_gone=yes USR1
"$@" >&2 3<&- &
server=$!
trap 'kill -s INT "$server"' HUP INT TERM
echo "$server"
exec >&2

stop() { # signal, tenths of a second to keep trying
    tries=0
    while [ "$tries" -lt "$2" ]; do
        kill -s "$1" "$server" 2>/dev/null || exit
        sleep 0.1
        tries=$((tries + 1))
    done
}

{
    read -r signal <&3 || { signal=INT; kill -s USR1 $$; }
    stop "$signal" 300
    stop QUIT 50
    stop KILL 50
} &
listener=$!
exec 3<&-

# A trapped signal ends wait early: wait until the server is really gone.
wait "$server"
code=$?
while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    code=$?
done

kill "$listener" 2>/dev/null
if [ "$owner_gone" ] && [ "$folder" ]; then rm -rf -- "$folder"; fi
exit "$code"

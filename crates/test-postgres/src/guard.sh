trap '' HUP INT QUIT TERM
folder=$1
pidfile=$folder/data/postmaster.pid

while read -r _; do :; done

# Frozen processes do not handle other signals, so they are continued first.
[ -e "$folder/frozen" ] && kill -s CONT $(cat "$folder/frozen")

if [ -s "$pidfile" ] && read -r postmaster <"$pidfile"; then
  # While `initdb` runs, the ID has a minus sign. With the minus sign, `kill` would signal a process group.
  postmaster=${postmaster#-}
  # SIGQUIT requests an immediate shutdown, in which the postmaster ends its children.
  kill -s QUIT "$postmaster"
  tries=0
  while [ -e "$pidfile" ] && kill -s 0 "$postmaster" && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  [ -e "$pidfile" ] && kill -s KILL "$postmaster"
fi

# Several attempts are necessary, because a process that is ending can still write files.
tries=0
until rm -rf "$folder" && [ ! -e "$folder" ] || [ "$tries" -ge 50 ]; do
  sleep 0.1
  tries=$((tries + 1))
done

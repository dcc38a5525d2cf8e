trap '' HUP INT QUIT TERM
folder=$1
pidfile=$folder/data/postmaster.pid

while read -r _; do :; done

# A frozen process gets no other signal.
[ -e "$folder/frozen" ] && kill -s CONT $(cat "$folder/frozen")

if [ -s "$pidfile" ] && read -r postmaster <"$pidfile"; then
  # While a new cluster is set up, the ID has a minus sign, which `kill` would take for a process group.
  postmaster=${postmaster#-}
  # An immediate shutdown: the postmaster ends its children.
  kill -s QUIT "$postmaster"
  tries=0
  while [ -e "$pidfile" ] && kill -s 0 "$postmaster" && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  [ -e "$pidfile" ] && kill -s KILL "$postmaster"
fi

# More than once: a process that is ending can still write.
tries=0
until rm -rf "$folder" && [ ! -e "$folder" ] || [ "$tries" -ge 50 ]; do
  sleep 0.1
  tries=$((tries + 1))
done

# shellcheck shell=bash disable=SC2034
# Where things are, how they are said, and how a daemon is started and ended.

STATE=${FLIGHTDECK_REAL_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/flightdeck-real}
# What users other than root must reach: root's home is closed to them, and a
# Unix socket's path has to stay under 108 bytes.
PUBLIC=/run/flightdeck-real

BASE_PORT=${FLIGHTDECK_REAL_PORT:-24600}
REGISTRY_PORT=$BASE_PORT
SSH_PORT_226=$((BASE_PORT + 1))
SSH_PORT_240=$((BASE_PORT + 2))
SSH_PORT_500=$((BASE_PORT + 3))
SSH_PORT_NO_FORWARDING=$((BASE_PORT + 4))
CLOSED_PORT=$((BASE_PORT + 9))
# Further addresses of the registry, each for one test that takes it away.
SPARE_REGISTRY_PORTS=$(seq -s " " $((BASE_PORT + 10)) $((BASE_PORT + 29)))
# From here on each project publishes its proxy.
FIRST_PROJECT_PORT=$((BASE_PORT + 100))

DOCKER_SOCKET=$PUBLIC/docker.sock
SERVER_PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin

say() { printf 'real world: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

require_root() {
  [ "$(id -u)" = 0 ] || fail "root is needed: dockerd and sshd are started; run it as root on Debian"
}

mount_public() {
  mkdir -p "$STATE/public" "$PUBLIC"
  mountpoint -q "$PUBLIC" && return
  mount --bind "$STATE/public" "$PUBLIC"
  mount --make-private "$PUBLIC"
}

unmount_public() {
  if mountpoint -q "$PUBLIC"; then umount -l "$PUBLIC"; fi
  if [ -d "$PUBLIC" ]; then rmdir "$PUBLIC"; fi
}

# start_time PID: when the process began, in clock ticks since boot. A pid
# alone is used again after a reboot.
start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The command's name stands in parentheses and may itself hold spaces.
  stat=${stat##*) }
  # shellcheck disable=SC2086
  set -- $stat
  printf '%s\n' "${20}"
}

daemon_runs() {
  local pid began
  read -r pid began 2>/dev/null <"$STATE/pid/$1" || return 1
  [ "$(start_time "$pid")" = "$began" ]
}

# start_daemon NAME COMMAND…: in a session of its own, output to log/NAME.
# Fails at once where it ends within the first moment.
start_daemon() {
  local name=$1 pid
  shift
  mkdir -p "$STATE/log" "$STATE/pid"
  # The lock's descriptor must not live on in a daemon.
  setsid "$@" >"$STATE/log/$name" 2>&1 </dev/null 9>&- &
  pid=$!
  printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$STATE/pid/$name"
}

# wait_for NAME SECONDS COMMAND…: until the command succeeds, as long as the daemon lives.
wait_for() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    daemon_runs "$name" || fail "$name ended: $(tail -n 3 "$STATE/log/$name")"
    [ "$SECONDS" -lt "$deadline" ] || fail "$name does not answer; see $STATE/log/$name"
    sleep 0.1
  done
}

stop_daemon() {
  local name=$1 pid began deadline=$((SECONDS + 30))
  if daemon_runs "$name"; then
    read -r pid began <"$STATE/pid/$name"
    kill "$pid"
    while daemon_runs "$name"; do
      if [ "$SECONDS" -ge "$deadline" ]; then kill -KILL "$pid"; fi
      sleep 0.1
    done
  fi
  rm -f "$STATE/pid/$name"
}

stop_all_daemons() {
  local file
  for file in "$STATE"/pid/*; do
    if [ -e "$file" ]; then stop_daemon "${file##*/}"; fi
  done
}

# Everything that was built, and the users; packages stay.
forget() {
  local user
  for user in "$DEPLOY_USER" "$GUEST_USER"; do
    if id "$user" >/dev/null 2>&1; then userdel "$user"; fi
  done
  forget_servers
  if getent group "$DOCKER_GROUP" >/dev/null; then groupdel "$DOCKER_GROUP"; fi
  rm -rf "$STATE"
}

print_environment() {
  if [ ! -e "$STATE/up" ] || ! daemon_runs engine || ! daemon_runs "registry-$REGISTRY_PORT" || ! daemon_runs ssh-226; then
    fail "not up; run tests/real/world up"
  fi
  cat <<END
FLIGHTDECK_REAL_STATE='$STATE'
FLIGHTDECK_REAL_REGISTRY='127.0.0.1:$REGISTRY_PORT'
FLIGHTDECK_REAL_REGISTRY_USER='$REGISTRY_USER'
FLIGHTDECK_REAL_REGISTRY_PASSWORD='$(registry_password)'
FLIGHTDECK_REAL_SPARE_REGISTRY_PORTS='$SPARE_REGISTRY_PORTS'
FLIGHTDECK_REAL_CLOSED_PORT='$CLOSED_PORT'
FLIGHTDECK_REAL_SSH_CONFIG='$PUBLIC/ssh/config'
FLIGHTDECK_REAL_SSH_PASSPHRASE='$SSH_PASSPHRASE'
FLIGHTDECK_REAL_SERVERS_SSH_CONFIG='$PUBLIC/ssh/servers'
FLIGHTDECK_REAL_SERVERS='$SERVERS'
FLIGHTDECK_REAL_HOST='flightdeck-real'
FLIGHTDECK_REAL_HOST_COMPOSE_226='flightdeck-real'
FLIGHTDECK_REAL_HOST_COMPOSE_240='flightdeck-real-240'
FLIGHTDECK_REAL_HOST_COMPOSE_500='flightdeck-real-500'
FLIGHTDECK_REAL_DOCKER_HOST='unix://$DOCKER_SOCKET'
FLIGHTDECK_REAL_DOCKER_CONFIG_226='$PUBLIC/compose/2.26'
FLIGHTDECK_REAL_DOCKER_CONFIG_240='$PUBLIC/compose/2.40'
FLIGHTDECK_REAL_DOCKER_CONFIG_500='$PUBLIC/compose/5.0'
FLIGHTDECK_REAL_SERVER_PATH='$SERVER_PATH'
END
}

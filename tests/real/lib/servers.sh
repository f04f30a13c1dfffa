# shellcheck shell=bash
# Servers as they are: logins of one more sshd, each of which finds another
# server than the plain one: another way to the Engine, another login shell,
# other programs, other permissions. All but one of them meet the world's Engine.

SERVERS_PORT=$((BASE_PORT + 5))
SERVERS=$PUBLIC/servers
TEAM_GROUP=flightdeck-team
ROOTLESS_USER=flightdeck-rootless
# name:login shell. Who is in which group, and finds what, is said below.
SERVER_LOGINS="sudo:sh password:sh fish:fish tcsh:tcsh noisy:bash noexec:sh \
  ada:bash ben:bash eve:bash plain:sh podman:sh no-compose:sh context:sh rootless:sh"

start_servers() {
  make_logins
  allow_sudo
  greet_noisily
  mount_noexec
  leave_out_programs
  make_context
  start_servers_sshd
  write_servers_configuration
  start_rootless_engine
}

make_logins() {
  local login name
  mkdir -p "$STATE/public/servers"
  getent group "$TEAM_GROUP" >/dev/null || groupadd --system "$TEAM_GROUP"
  for login in $SERVER_LOGINS; do
    name=flightdeck-${login%%:*}
    if ! id "$name" >/dev/null 2>&1; then
      useradd --system --no-create-home --home-dir "$PUBLIC/home/$name" --shell "$(command -v "${login#*:}")" \
        --password '*' "$name"
    fi
    mkdir -p "$STATE/public/home/$name"
    chown "$name:" "$STATE/public/home/$name"
  done
  for name in fish tcsh noisy noexec ada ben eve plain podman no-compose context; do
    usermod -a -G "$DOCKER_GROUP" "flightdeck-$name"
  done
  for name in ada ben eve; do usermod -a -G "$TEAM_GROUP" "flightdeck-$name"; done
  echo 'umask 002' >"$STATE/public/home/flightdeck-ada/.bashrc"
  echo 'umask 077' >"$STATE/public/home/flightdeck-ben/.bashrc"
}

# docker and nothing else, for one without a password and for one with. What
# sudo leaves of the environment is where root's plugins and logins lie.
allow_sudo() {
  local file=/etc/sudoers.d/flightdeck-real
  cat >"$file.part" <<END
Defaults:flightdeck-sudo,flightdeck-password secure_path = "$SERVER_PATH", env_keep += "DOCKER_CONFIG DOCKER_HOST"
flightdeck-sudo ALL=(root) NOPASSWD: /usr/bin/docker
flightdeck-password ALL=(root) /usr/bin/docker
END
  chmod 440 "$file.part"
  mv "$file.part" "$file"
}

# A start-up file that talks, and that alone knows where the Engine listens.
greet_noisily() {
  cat >"$STATE/public/home/flightdeck-noisy/.bashrc" <<END
echo "Welcome to \$(uname -n)! @0 end 3"
echo '{"started":99}'
printf 'HTTP/1.1 500 Nobody here\r\n\r\n'
echo 'Maintenance on Sunday.' >&2
export DOCKER_HOST=unix://$DOCKER_SOCKET
END
}

# Home, temporary files and projects where nothing can be executed.
mount_noexec() {
  local directory=$SERVERS/noexec
  mkdir -p "$directory"
  if ! mountpoint -q "$directory"; then
    mount -t tmpfs -o noexec,nosuid,nodev,size=64m,mode=755 flightdeck-real "$directory"
  fi
  mkdir -p "$directory/tmp" "$directory/projects"
  chmod 1777 "$directory/tmp" "$directory/projects"
}

unmount_servers() {
  if mountpoint -q "$SERVERS/noexec"; then umount -l "$SERVERS/noexec"; fi
}

# Searched before or instead of the usual directories.
leave_out_programs() {
  local plain=$STATE/public/servers/plain podman=$STATE/public/servers/podman
  if [ ! -d "$plain" ]; then
    mkdir -p "$plain.part"
    ln -s -t "$plain.part" /usr/bin/*
    rm "$plain.part/sha256sum"
    mv "$plain.part" "$plain"
  fi
  if [ ! -d "$podman" ]; then
    say "podman's docker from Debian"
    rm -rf "$podman.part" "$STATE/build/podman"
    mkdir -p "$podman.part" "$STATE/build/podman"
    (
      cd "$STATE/build/podman" || exit
      download() { apt-get -q -o APT::Sandbox::User=root download podman-docker >&2; }
      # Where all packages were there, nobody has asked for the lists yet.
      download || { apt-get -q update >&2 && download; } || exit
      dpkg-deb -x podman-docker_*.deb .
    ) || fail "podman-docker cannot be had from Debian's mirror"
    install -m 755 "$STATE/build/podman/usr/bin/docker" "$podman.part/docker"
    mv "$podman.part" "$podman"
    rm -rf "$STATE/build/podman"
  fi
  mkdir -p "$STATE/public/servers/no-compose"
}

# make_context: docker's own way to say where the Engine listens.
make_context() {
  local directory=$STATE/public/servers/context
  [ ! -d "$directory" ] || return 0
  rm -rf "$directory.part"
  mkdir -p "$directory.part"
  cp -r "$STATE/public/compose/2.40/." "$directory.part"
  env -i HOME=/root PATH="$SERVER_PATH" DOCKER_CONFIG="$directory.part" \
    docker context create world --docker "host=unix://$DOCKER_SOCKET" >/dev/null 2>&1
  env -i HOME=/root PATH="$SERVER_PATH" DOCKER_CONFIG="$directory.part" docker context use world >/dev/null 2>&1
  chmod -R a+rX "$directory.part"
  mv "$directory.part" "$directory"
}

start_servers_sshd() {
  local configuration=$STATE/public/ssh/sshd-servers.conf login name
  daemon_runs ssh-servers && return
  {
    cat <<END
ListenAddress 127.0.0.1:$SERVERS_PORT
HostKey $PUBLIC/ssh/host
PidFile none
AuthorizedKeysFile $PUBLIC/ssh/authorized_keys
AllowUsers flightdeck-*
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
END
    for login in $SERVER_LOGINS; do
      name=${login%%:*}
      printf 'Match User flightdeck-%s\n' "$name"
      case $name in
        noisy) printf '  AllowStreamLocalForwarding no\n  SetEnv PATH=%s DOCKER_CONFIG=%s\n' "$SERVER_PATH" "$PUBLIC/compose/2.40" ;;
        noexec) server_environment 2.40 "$SERVER_PATH" "TMPDIR=$SERVERS/noexec/tmp" ;;
        plain) server_environment 2.40 "$SERVERS/plain" ;;
        podman) server_environment 2.40 "$SERVERS/podman:$SERVER_PATH" ;;
        no-compose) printf '  SetEnv PATH=%s DOCKER_HOST=unix://%s DOCKER_CONFIG=%s\n' "$SERVER_PATH" "$DOCKER_SOCKET" "$SERVERS/no-compose" ;;
        context) printf '  SetEnv PATH=%s DOCKER_CONFIG=%s\n' "$SERVER_PATH" "$SERVERS/context" ;;
        rootless) printf '  SetEnv PATH=%s DOCKER_CONFIG=%s XDG_RUNTIME_DIR=%s\n' "$SERVER_PATH" "$PUBLIC/compose/2.40" "$(rootless_directory)" ;;
        *) server_environment 2.40 "$SERVER_PATH" ;;
      esac
    done
  } >"$configuration"
  start_daemon ssh-servers /usr/sbin/sshd -D -e -f "$configuration"
  wait_for ssh-servers 10 ssh-keyscan -p "$SERVERS_PORT" 127.0.0.1
}

# server_environment COMPOSE PATH [VARIABLE=VALUE…]
server_environment() {
  local compose=$1 path=$2
  shift 2
  printf '  SetEnv PATH=%s DOCKER_HOST=unix://%s DOCKER_CONFIG=%s %s\n' "$path" "$DOCKER_SOCKET" "$PUBLIC/compose/$compose" "$*"
}

# For `ssh -F`: flightdeck-NAME is the login of that name.
write_servers_configuration() {
  local file=$STATE/public/ssh/servers
  printf '[127.0.0.1]:%s %s\n' "$SERVERS_PORT" "$(cut -d ' ' -f 1,2 "$STATE/public/ssh/host.pub")" >"$file.known_hosts"
  {
    local login
    for login in $SERVER_LOGINS; do printf 'Host flightdeck-%s\n  User flightdeck-%s\n' "${login%%:*}" "${login%%:*}"; done
    cat <<END
Host flightdeck-*
  HostName 127.0.0.1
  Port $SERVERS_PORT
  IdentityFile $PUBLIC/ssh/id
  KexAlgorithms curve25519-sha256
  IdentitiesOnly yes
  UserKnownHostsFile $PUBLIC/ssh/servers.known_hosts
  GlobalKnownHostsFile /dev/null
END
  } >"$file.part"
  mv "$file.part" "$file"
}

forget_servers() {
  local login
  rm -f /etc/sudoers.d/flightdeck-real
  rm -rf "$ROOTLESS_DATA"
  for login in $SERVER_LOGINS; do
    forget_login "flightdeck-${login%%:*}"
  done
  if getent group "$TEAM_GROUP" >/dev/null; then groupdel "$TEAM_GROUP"; fi
}

# forget_login USER: podman leaves a process behind that holds its namespaces.
forget_login() {
  local process deadline=$((SECONDS + 10))
  id "$1" >/dev/null 2>&1 || return 0
  for process in $(ps -o pid= -u "$1"); do
    kill "$process"
    while [ -e "/proc/$process" ] && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.1; done
  done
  userdel "$1"
}

# --- an Engine without root ---

# Where its images lie: not below /run, which it sees through links.
ROOTLESS_DATA=/var/lib/flightdeck-real-rootless

rootless_directory() { printf '/run/user/%s\n' "$(id -u "$ROOTLESS_USER")"; }

# Debian's dockerd in rootlesskit, as dockerd-rootless.sh starts it, but that its
# namespace reaches the world's registry, which listens on this side's loopback.
start_rootless_engine() {
  daemon_runs rootless && return
  local directory
  directory=$(rootless_directory)
  grep -q "^$ROOTLESS_USER:" /etc/subuid ||
    usermod --add-subuids 2000000-2065535 --add-subgids 2000000-2065535 "$ROOTLESS_USER"
  install -d -o "$ROOTLESS_USER" -m 700 "$directory" "$ROOTLESS_DATA"
  rm -f "$directory/docker.pid"
  # As udev has it; slirp4netns opens it.
  [ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; }
  chmod 666 /dev/net/tun
  cat >"$STATE/public/servers/rootless.part" <<END
#!/bin/sh
rm -f /run/docker /run/containerd /run/xtables.lock
echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
iptables -t nat -A OUTPUT -d 127.0.0.1 -p tcp --dport $REGISTRY_PORT -j DNAT --to 10.0.2.2:$REGISTRY_PORT
iptables -t nat -A POSTROUTING -d 10.0.2.2 -j MASQUERADE
exec dockerd --rootless --data-root $ROOTLESS_DATA --exec-root "\$XDG_RUNTIME_DIR/docker" \\
  --pidfile "\$XDG_RUNTIME_DIR/docker.pid" --host "unix://\$XDG_RUNTIME_DIR/docker.sock"
END
  chmod 755 "$STATE/public/servers/rootless.part"
  mv "$STATE/public/servers/rootless.part" "$STATE/public/servers/rootless"
  start_daemon rootless setpriv --reuid "$ROOTLESS_USER" --regid "$ROOTLESS_USER" --init-groups \
    env -i --chdir=/ HOME="$PUBLIC/home/$ROOTLESS_USER" PATH="$SERVER_PATH" XDG_RUNTIME_DIR="$directory" \
    rootlesskit --net=slirp4netns --mtu=65520 --port-driver=builtin --copy-up=/etc --copy-up=/run "$SERVERS/rootless"
  wait_for rootless 60 docker_of_rootless version
}

# docker_of_rootless ARGUMENT…
docker_of_rootless() {
  env -i HOME=/root PATH="$SERVER_PATH" DOCKER_HOST="unix://$(rootless_directory)/docker.sock" \
    DOCKER_CONFIG="$PUBLIC/compose/2.40" docker "$@"
}

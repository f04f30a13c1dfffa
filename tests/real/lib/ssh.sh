# shellcheck shell=bash
# sshd on loopback, one for each version of Compose, and what a client needs.

DEPLOY_USER=flightdeck-deploy
GUEST_USER=flightdeck-guest
SSH_PASSPHRASE=flightdeck-passphrase

start_ssh() {
  make_users
  make_keys
  # Where sshd puts its unprivileged half.
  mkdir -p /run/sshd
  start_sshd 226 "$SSH_PORT_226" 2.26
  start_sshd 240 "$SSH_PORT_240" 2.40
  start_sshd 500 "$SSH_PORT_500" 5.0
  start_sshd no-forwarding "$SSH_PORT_NO_FORWARDING" 2.26 'AllowStreamLocalForwarding no'
  write_client_configuration
}

# One user who may use the Engine's socket, one who may not.
make_users() {
  local user
  for user in "$DEPLOY_USER" "$GUEST_USER"; do
    id "$user" >/dev/null 2>&1 ||
      useradd --system --no-create-home --home-dir "$PUBLIC/home/$user" --shell /bin/sh --password '*' "$user"
    mkdir -p "$STATE/public/home/$user"
    chown "$user:" "$STATE/public/home/$user"
  done
  getent group "$DOCKER_GROUP" >/dev/null || groupadd --system "$DOCKER_GROUP"
  usermod -a -G "$DOCKER_GROUP" "$DEPLOY_USER"
}

make_keys() {
  local directory=$STATE/public/ssh
  mkdir -p "$directory"
  make_key "$directory/host" ''
  make_key "$directory/id" ''
  make_key "$directory/id_passphrase" "$SSH_PASSPHRASE"
  make_key "$directory/id_stranger" ''
  cat "$directory/id.pub" "$directory/id_passphrase.pub" >"$directory/authorized_keys"
  chmod 644 "$directory/authorized_keys"
}

make_key() {
  [ -e "$1" ] || ssh-keygen -q -t ed25519 -N "$2" -C "${1##*/} of the tests" -f "$1"
}

# start_sshd NAME PORT COMPOSE [LINE]: what docker and Compose would tidy up in memory
# that they give back a moment later is a quarter of their time.
start_sshd() {
  local name=ssh-$1 port=$2 version=$3 line=${4:-AllowStreamLocalForwarding yes} configuration
  daemon_runs "$name" && return
  configuration=$STATE/public/ssh/sshd-$1.conf
  cat >"$configuration" <<END
ListenAddress 127.0.0.1:$port
HostKey $PUBLIC/ssh/host
PidFile none
AuthorizedKeysFile $PUBLIC/ssh/authorized_keys
AllowUsers root $DEPLOY_USER $GUEST_USER
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
$line
SetEnv SHLVL=2 GOGC=off PATH=$SERVER_PATH DOCKER_HOST=unix://$DOCKER_SOCKET DOCKER_CONFIG=$PUBLIC/compose/$version
END
  start_daemon "$name" /usr/sbin/sshd -D -e -f "$configuration"
  wait_for "$name" 10 ssh-keyscan -p "$port" 127.0.0.1
}

# For `ssh -F`. The hosts after the first three are servers that ssh refuses,
# each in another way. The key exchange that ssh prefers takes a sixth of a second
# of either side; here the one that takes least does.
write_client_configuration() {
  local directory=$STATE/public/ssh port
  for port in "$SSH_PORT_226" "$SSH_PORT_240" "$SSH_PORT_500" "$SSH_PORT_NO_FORWARDING"; do
    printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d ' ' -f 1,2 "$directory/host.pub")"
  done >"$directory/known_hosts"
  printf '[127.0.0.1]:%s %s\n' "$SSH_PORT_226" "$(cut -d ' ' -f 1,2 "$directory/id_stranger.pub")" >"$directory/known_hosts_changed"
  cat >"$directory/config" <<END
Host flightdeck-real-240
  Port $SSH_PORT_240
Host flightdeck-real-500
  Port $SSH_PORT_500
Host flightdeck-real-deploy
  User $DEPLOY_USER
Host flightdeck-real-jump
  ProxyJump flightdeck-real
Host flightdeck-real-passphrase
  IdentityFile $PUBLIC/ssh/id_passphrase
Host flightdeck-real-no-permission
  User $GUEST_USER
Host flightdeck-real-no-forwarding
  Port $SSH_PORT_NO_FORWARDING
Host flightdeck-real-unknown-key
  UserKnownHostsFile /dev/null
Host flightdeck-real-changed-key
  UserKnownHostsFile $PUBLIC/ssh/known_hosts_changed
Host flightdeck-real-stranger
  IdentityFile $PUBLIC/ssh/id_stranger
Host flightdeck-real-unreachable
  Port $CLOSED_PORT
Host flightdeck-real-passphrase flightdeck-real-stranger
  IdentityAgent none
Host flightdeck-real flightdeck-real-* !flightdeck-real-passphrase !flightdeck-real-stranger
  IdentityFile $PUBLIC/ssh/id
Host flightdeck-real flightdeck-real-*
  HostName 127.0.0.1
  Port $SSH_PORT_226
  User root
  KexAlgorithms curve25519-sha256
  IdentitiesOnly yes
  UserKnownHostsFile $PUBLIC/ssh/known_hosts
  GlobalKnownHostsFile /dev/null
END
}

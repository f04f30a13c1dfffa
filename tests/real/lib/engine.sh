# shellcheck shell=bash
# A dockerd of our own: its own data, socket, containerd namespace and
# addresses. It leaves the default bridge and a dockerd of the user alone;
# containers reach each other and are published on loopback, and have no way out.

DOCKER_GROUP=flightdeck-docker
ENGINE_NETWORKS=172.30.0.0/15
# What must not outlive a reboot.
ENGINE_RUN=/run/flightdeck-real-engine

start_engine() {
  if daemon_runs engine; then
    allow_containers_to_meet
    return
  fi
  getent group "$DOCKER_GROUP" >/dev/null || groupadd --system "$DOCKER_GROUP"
  mkdir -p "$STATE/docker" "$ENGINE_RUN"
  rm -f "$ENGINE_RUN/pid"
  cat >"$STATE/docker/daemon.json" <<END
{
  "default-address-pools": [{ "base": "$ENGINE_NETWORKS", "size": 27 }],
  "log-opts": { "max-size": "64m", "max-file": "2" }
}
END
  start_daemon engine dockerd \
    --config-file "$STATE/docker/daemon.json" \
    --data-root "$STATE/docker/data" --exec-root "$ENGINE_RUN/exec" --pidfile "$ENGINE_RUN/pid" \
    --host "unix://$DOCKER_SOCKET" --group "$DOCKER_GROUP" \
    --containerd-namespace flightdeck-real --containerd-plugins-namespace flightdeck-real-plugins \
    --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false
  wait_for engine 60 docker_of_world version
  allow_containers_to_meet
}

# A second one for tests that restart it: its containers end with it.
SPARE_ENGINE_NETWORKS=172.28.0.0/15
SPARE_DOCKER_SOCKET=$PUBLIC/spare-docker.sock
SPARE_ENGINE_RUN=/run/flightdeck-real-spare-engine

start_spare_engine() {
  if ! daemon_runs spare-engine; then
    mkdir -p "$STATE/spare-docker" "$SPARE_ENGINE_RUN"
    rm -f "$SPARE_ENGINE_RUN/pid"
    cat >"$STATE/spare-docker/daemon.json" <<END
{ "default-address-pools": [{ "base": "$SPARE_ENGINE_NETWORKS", "size": 27 }] }
END
    start_daemon spare-engine dockerd \
      --config-file "$STATE/spare-docker/daemon.json" \
      --data-root "$STATE/spare-docker/data" --exec-root "$SPARE_ENGINE_RUN/exec" --pidfile "$SPARE_ENGINE_RUN/pid" \
      --host "unix://$SPARE_DOCKER_SOCKET" \
      --containerd-namespace flightdeck-spare --containerd-plugins-namespace flightdeck-spare-plugins \
      --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false
    wait_for spare-engine 60 env -i PATH="$SERVER_PATH" DOCKER_HOST="unix://$SPARE_DOCKER_SOCKET" docker version
  fi
  forwarding_rule -C "$SPARE_ENGINE_NETWORKS" 2>/dev/null || forwarding_rule -I "$SPARE_ENGINE_NETWORKS"
  printf '%s\n' "unix://$SPARE_DOCKER_SOCKET"
}

# A dockerd of the user sets the forwarding policy to DROP, and bridges may be
# filtered too; without a rule of ours our containers could not reach each other.
allow_containers_to_meet() {
  forwarding_rule -C "$ENGINE_NETWORKS" 2>/dev/null || forwarding_rule -I "$ENGINE_NETWORKS"
}

forbid_containers_to_meet() {
  local networks
  for networks in "$ENGINE_NETWORKS" "$SPARE_ENGINE_NETWORKS"; do
    if forwarding_rule -C "$networks" 2>/dev/null; then forwarding_rule -D "$networks"; fi
  done
}

forwarding_rule() {
  iptables -w "$1" FORWARD -s "$2" -d "$2" -m comment --comment flightdeck-real -j ACCEPT
}

# docker_of_world ARGUMENT…: Debian's docker, against our Engine.
docker_of_world() {
  env -i HOME=/root PATH="$SERVER_PATH" DOCKER_BUILDKIT=0 \
    DOCKER_HOST="unix://$DOCKER_SOCKET" DOCKER_CONFIG="$PUBLIC/compose/2.26" docker "$@"
}

remove_all_containers() {
  daemon_runs engine || return 0
  local containers
  containers=$(docker_of_world ps -aq)
  # shellcheck disable=SC2086
  if [ -n "$containers" ]; then docker_of_world rm -f -v $containers >/dev/null; fi
  docker_of_world network prune -f >/dev/null
  docker_of_world volume prune -f >/dev/null
}

# shellcheck shell=bash
# The registry: Debian's docker-registry with a password. The same storage can
# be served at further ports, so that a test can take its registry away
# without taking everybody's.

REGISTRY_USER=operator

registry_password() { cat "$STATE/registry/password"; }

start_registry() {
  local port=$1 name=registry-$1 directory=$STATE/registry
  daemon_runs "$name" && return
  mkdir -p "$directory/storage"
  if [ ! -e "$directory/htpasswd" ]; then
    (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$directory/password")
    htpasswd -iBn "$REGISTRY_USER" <"$directory/password" >"$directory/htpasswd"
  fi
  cat >"$directory/$port.yml" <<END
version: 0.1
log: { level: warn, accesslog: { disabled: true } }
storage:
  filesystem: { rootdirectory: $directory/storage }
  delete: { enabled: true }
http:
  addr: 127.0.0.1:$port
  secret: $(registry_password | sha256sum | cut -c 1-32)
auth:
  htpasswd: { realm: flightdeck-real, path: $directory/htpasswd }
END
  start_daemon "$name" docker-registry serve "$directory/$port.yml"
  wait_for "$name" 10 registry_answers "$port"
}

registry_answers() { registry_get "$1" ""; }

# registry_get PORT PATH [OPTION…]: below /v2/. The password goes through a
# file descriptor: an argument list can be read by everybody.
registry_get() {
  local port=$1 path=$2
  shift 2
  curl -fsS --config <(printf 'user = "%s:%s"\n' "$REGISTRY_USER" "$(registry_password)") "$@" "http://127.0.0.1:$port/v2/$path"
}

# What `docker login` would have left on the server, for every address.
write_docker_configuration() {
  local auth port version file
  auth=$(printf '%s:%s' "$REGISTRY_USER" "$(registry_password)" | base64 -w 0)
  for version in 2.26 2.40 5.0; do
    file=$STATE/public/compose/$version/config.json
    {
      printf '{"auths":{'
      for port in $SPARE_REGISTRY_PORTS; do printf '"127.0.0.1:%s":{"auth":"%s"},' "$port" "$auth"; done
      printf '"127.0.0.1:%s":{"auth":"%s"}}}\n' "$REGISTRY_PORT" "$auth"
    } >"$file.part"
    chmod 644 "$file.part"
    mv "$file.part" "$file"
  done
}

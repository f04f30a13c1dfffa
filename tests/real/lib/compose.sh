# shellcheck shell=bash
# Three versions of Compose, each in a DOCKER_CONFIG of its own.

provide_compose() {
  compose_from_debian
  compose_from_source 2.40 v2 v2.40.3
  compose_from_source 5.0 v5 v5.0.2
}

plugin_of() { printf '%s\n' "$STATE/public/compose/$1/cli-plugins/docker-compose"; }

compose_from_debian() {
  local plugin directory=$STATE/build/compose-2.26
  plugin=$(plugin_of 2.26)
  [ -x "$plugin" ] && return
  say "Compose 2.26 from Debian 13"
  rm -rf "$directory"
  download_from_trixie "$directory" docker-compose
  dpkg-deb -x "$directory"/docker-compose_*.deb "$directory/root"
  install_plugin "$directory/root/usr/libexec/docker/cli-plugins/docker-compose" "$plugin"
  rm -rf "$directory"
}

# compose_from_source SERIES MAJOR VERSION: built from the Go module proxy.
compose_from_source() {
  local series=$1 module=github.com/docker/compose/$2 version=$3 plugin go
  plugin=$(plugin_of "$series")
  [ -x "$plugin" ] && return
  go=$(provide_go)
  say "Compose $version from source, some two minutes"
  mkdir -p "$STATE/build" "$STATE/log"
  (
    cd "$REAL/compose/$series" || exit 1
    CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOTOOLCHAIN=auto "$go" build -tags compose -trimpath \
      -ldflags "-s -w -X $module/internal.Version=$version" -o "$STATE/build/docker-compose-$series" "$module/cmd" \
      >"$STATE/log/compose-$series" 2>&1 || fail "Compose $version could not be built: $(tail -n 3 "$STATE/log/compose-$series")"
  )
  install_plugin "$STATE/build/docker-compose-$series" "$plugin"
  rm "$STATE/build/docker-compose-$series"
}

# install_plugin FILE PLUGIN: whole or not at all.
install_plugin() {
  mkdir -p "${2%/*}"
  install -m 755 "$1" "$2.part"
  mv "$2.part" "$2"
}

# provide_go: the path of a Go that can build Compose. Debian 12's is too old
# to fetch a newer tool chain by itself; Debian 13's does, and runs from where it is unpacked.
provide_go() {
  local go root=$STATE/go
  go=$(command -v go || true)
  if [ -n "$go" ] && printf '%s\n' go1.24.9 "$("$go" env GOVERSION)" | sort -V -C; then
    printf '%s\n' "$go"
    return
  fi
  if [ ! -x "$root/usr/lib/go-1.24/bin/go" ]; then
    say "Go from Debian 13"
    rm -rf "$root"
    download_from_trixie "$root/debs" golang-1.24-go golang-1.24-src
    local package
    for package in "$root"/debs/*.deb; do dpkg-deb -x "$package" "$root"; done
  fi
  printf '%s\n' "$root/usr/lib/go-1.24/bin/go"
}

# compose VERSION ARGUMENT…: as somebody on the server would type it.
compose() {
  local version=$1
  shift
  env -i HOME=/root PATH="$SERVER_PATH" DOCKER_HOST="unix://$DOCKER_SOCKET" DOCKER_CONFIG="$PUBLIC/compose/$version" \
    docker compose "$@"
}

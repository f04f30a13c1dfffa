# shellcheck shell=bash
# The images: two bases, which stay, and what is made of them, which is pushed
# and then removed here, so that the Engine has to pull it like any server.

SOURCE=https://github.com/acme/shop

# provide_base: Debian with PostgreSQL and Alembic, as a root file system. It
# takes minutes, so it is kept.
provide_base() {
  local archive=$STATE/base.tar root=$STATE/build/base mirror
  [ -e "$archive" ] && return
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || fail "apt names no mirror for this release; is /etc/apt/sources.list in order?"
  say "a Debian with PostgreSQL and Alembic by debootstrap, some two minutes"
  rm -rf "$root"
  mkdir -p "$root" "$STATE/log"
  (
    . /etc/os-release
    debootstrap --variant=minbase --include=alembic,busybox-static,postgresql,python3-psycopg2 \
      "$VERSION_CODENAME" "$root" "$mirror"
  ) >"$STATE/log/debootstrap" 2>&1 </dev/null || fail "debootstrap failed: $(tail -n 3 "$STATE/log/debootstrap")"
  # LLVM is for the database's just-in-time compiler, which is off.
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/lib/postgresql/*/main \
    "$root"/usr/share/{doc,locale,man,info}/* "$root"/usr/lib/*/libLLVM*
  tar -C "$root" -cf "$archive.part" .
  mv "$archive.part" "$archive"
  rm -rf "$root"
}

provide_images() {
  local wanted
  wanted=$(cd "$REAL" && find images lib/images.sh -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)$REGISTRY_PORT
  [ "$(cat "$STATE/images" 2>/dev/null)" = "$wanted" ] && return
  say "images"
  import_bases
  local registry=127.0.0.1:$REGISTRY_PORT/acme

  local n
  for n in 20 21 22 23 24; do build backend "v202601$n.1"; done
  build backend v20260122.2
  build backend v20260125.1 --build-arg BEHAVIOUR=unhealthy
  build backend v20260126.1 --build-arg BEHAVIOUR=crash
  build backend v20260127.1 --build-arg BEHAVIOUR=chatty
  docker_of_world tag "$registry/shop-backend:v20260124.1" "$registry/shop-backend:main"
  build proxy v20260110.1
  build database 15.1
  build migrating v20260122.1 --build-arg REVISIONS="a1f30c5d7e21"
  build migrating v20260123.1 --build-arg REVISIONS="a1f30c5d7e21 c9e2b4a86f13"
  build migrating v20260124.1 --build-arg REVISIONS="a1f30c5d7e21 c9e2b4a86f13 d4b7e91f3a05"
  build migrating v20260125.1 --build-arg REVISIONS="a1f30c5d7e21 c9e2b4a86f13 e5c81d20b9f6"

  local repository
  for repository in backend proxy database migrating; do
    docker_of_world push -q --all-tags "$registry/shop-$repository" >/dev/null
  done
  remove_pulled_images
  printf '%s\n' "$wanted" >"$STATE/images"
}

BUSYBOX_BASE=flightdeck-real/busybox
DEBIAN_BASE=flightdeck-real/debian

import_bases() {
  local root=$STATE/build/busybox name
  if ! docker_of_world image inspect "$BUSYBOX_BASE" >/dev/null 2>&1; then
    rm -rf "$root"
    mkdir -p "$root"/{bin,dev,etc,proc,root,sys,tmp}
    chmod 1777 "$root/tmp"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    cp /bin/busybox "$root/bin/busybox"
    for name in $(/bin/busybox --list); do [ -e "$root/bin/$name" ] || ln -s busybox "$root/bin/$name"; done
    tar -C "$root" -c . | docker_of_world import -c 'ENV PATH=/bin' - "$BUSYBOX_BASE" >/dev/null
    rm -rf "$root"
  fi
  docker_of_world image inspect "$DEBIAN_BASE" >/dev/null 2>&1 ||
    docker_of_world import -c 'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' "$STATE/base.tar" "$DEBIAN_BASE" >/dev/null
}

# build NAME TAG [OPTION…]: images/NAME as acme/shop-NAME:TAG, labelled as a pipeline would.
build() {
  local name=$1 tag=$2 base=$BUSYBOX_BASE created=2026-01-10T09:00:00Z
  shift 2
  case $name in database | migrating) base=$DEBIAN_BASE ;; esac
  if [[ $tag =~ ^v([0-9]{4})([0-9]{2})([0-9]{2})\.([0-9]+)$ ]]; then
    created=${BASH_REMATCH[1]}-${BASH_REMATCH[2]}-${BASH_REMATCH[3]}T$((9 + BASH_REMATCH[4])):00:00Z
  fi
  docker_of_world build -q "$@" --build-arg BASE="$base" --build-arg VERSION="$tag" \
    --label org.opencontainers.image.created="$created" \
    --label org.opencontainers.image.revision="$(printf '%s' "$name $tag" | sha1sum | cut -d ' ' -f 1)" \
    --label org.opencontainers.image.source="$SOURCE" \
    --label org.opencontainers.image.version="$tag" \
    -t "127.0.0.1:$REGISTRY_PORT/acme/shop-$name:$tag" "$REAL/images/$name" >/dev/null ||
    fail "image shop-$name:$tag could not be built"
}

# What a project of an earlier run still uses stays where it is.
remove_pulled_images() {
  local image
  for image in $(docker_of_world images -q '127.0.0.1:*/acme/*' | sort -u); do
    docker_of_world rmi -f "$image" >/dev/null 2>&1 || say "image $image stays: a container uses it"
  done
}

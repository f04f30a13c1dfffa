# shellcheck shell=bash
# Debian's packages, and Debian's mirror as apt on this machine knows it.

install_packages() {
  local missing=() package
  for package in apache2-utils busybox-static ca-certificates curl debootstrap docker-registry \
    docker.io fish git iproute2 iptables openssh-client openssh-server podman rootlesskit slirp4netns sudo \
    tcsh tmux uidmap util-linux xz-utils; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  # Debian starts what it installs; the world starts its own, on loopback only.
  local policy=/usr/sbin/policy-rc.d ours=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    ours=yes
  fi
  local code=0
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
    </dev/null >&2 || code=$?
  if [ -n "$ours" ]; then rm -f "$policy"; fi
  [ "$code" = 0 ] || fail "apt-get could not install ${missing[*]}"
}

# debian_mirror: the address from which this machine's own release comes.
debian_mirror() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' |
    awk -v codename="$codename" '$2 == codename && $3 == "Debian" { print $1; exit }'
}

DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# download_from_trixie DIRECTORY PACKAGE…: packages of Debian 13, with lists
# of our own, so that the machine's apt knows nothing of it.
download_from_trixie() {
  local directory=$1 apt=$STATE/apt mirror
  shift
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || fail "apt names no mirror for this release; is /etc/apt/sources.list in order?"
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$directory"
  echo "deb [signed-by=$DEBIAN_KEYRING] $mirror trixie main" >"$apt/sources.list"
  local options=(-q -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >&2
  (cd "$directory" && apt-get "${options[@]}" download "$@" >&2)
  rm -rf "$apt"
}

# shellcheck shell=sh
# Where the Engine listens of a login that has one of its own, without root. Laid
# before whatever runs docker as the login itself; changes nothing on the server.

# has_context COMMAND: whether the docker command may have another endpoint than
# the usual one. What stands before it, such as sudo, has a configuration of its
# own, which cannot be looked at.
has_context() {
	[ "$1" != docker ] || [ -n "${DOCKER_CONTEXT:-}" ] ||
		grep -q '"currentContext"' "${DOCKER_CONFIG:-${HOME:-}/.docker}/config.json" 2>/dev/null
}

# name_engine: exports DOCKER_HOST where nothing names an endpoint, nothing listens
# at the usual one, and there is the socket that a rootless Engine makes.
name_engine() {
	[ -z "${DOCKER_HOST:-}" ] && [ ! -e /var/run/docker.sock ] && ! has_context docker || return 0
	rootless=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/docker.sock
	[ -S "$rootless" ] || return 0
	DOCKER_HOST=unix://$rootless
	export DOCKER_HOST
}

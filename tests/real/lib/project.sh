# shellcheck shell=bash
# A Compose project of its own for each test: own names, own port, so that
# they can run side by side. Its name is its directory's, as Compose has it.

lay_project() {
  local directory='' tag=v20260122.1 version=2.26 registry=127.0.0.1:$REGISTRY_PORT application=shop-backend up=yes name port file
  while [ $# -gt 0 ]; do
    case $1 in
      --tag) tag=${2:?}; shift ;;
      --compose) version=${2:?}; shift ;;
      --registry) registry=${2:?}; shift ;;
      --application) application=${2:?}; shift ;;
      --no-up) up='' ;;
      -*) usage >&2; exit 2 ;;
      *) directory=$1 ;;
    esac
    shift
  done
  [ -n "$directory" ] || { usage >&2; exit 2; }
  [ ! -e "$directory/docker-compose.yml" ] || fail "$directory already holds a project"

  name=${directory##*/}
  [[ $name =~ ^[a-z0-9][a-z0-9_-]*$ ]] || fail "$name cannot be a Compose project's name: lower-case letters, digits, - and _"
  port=$(next_port)
  mkdir -p "$directory"
  for file in docker-compose.yml .env; do
    sed -e "s|@REGISTRY@|$registry|; s|@NAME@|$name|; s|@APPLICATION@|$application|; s|@TAG@|$tag|; s|@PORT@|$port|" \
      "$REAL/project/$file" >"$directory/$file"
  done
  chmod 640 "$directory/.env"
  [ -n "$up" ] || return 0
  if [ "$application" = shop-migrating ]; then
    compose "$version" --project-directory "$directory" run --rm --quiet-pull -T backend alembic upgrade head
  fi
  compose "$version" --project-directory "$directory" up -d --wait --quiet-pull
}

remove_project() {
  local directory=${1:?DIRECTORY}
  compose 2.26 --project-directory "$directory" down -v --remove-orphans --timeout 1
}

# next_port: never given twice until the counter turns over, and free now.
next_port() (
  exec 8>"$STATE/port.lock"
  flock 8
  port=$(cat "$STATE/port" 2>/dev/null || echo "$FIRST_PROJECT_PORT")
  while [ -n "$(ss -Hltn "sport = :$port")" ]; do port=$(following "$port"); done
  following "$port" >"$STATE/port"
  printf '%s\n' "$port"
)

following() { echo $((FIRST_PROJECT_PORT + ($1 + 1 - FIRST_PROJECT_PORT) % 800)); }

# shellcheck shell=sh
# What the first trip of a survey collects. Laid behind survey.sh and heads.sh, before
# newer.sh and claim.sh. Uses $directory, $logical, $project, $root and $algorithm.

place() {
	printf 'directory %s\n' "$directory"
	printf 'logical %s\n' "$logical"
	! command -v setsid >/dev/null || echo 'setsid yes'
	[ ! -w . ] || echo 'writable yes'
	for place_state in .flightdeck ".flightdeck/$project" ".flightdeck/$project/claims" \
		".flightdeck/$project/operations" ".flightdeck/$project/ledger.jsonl"; do
		[ ! -e "$place_state" ] || [ -w "$place_state" ] || printf 'state %s\n' "$place_state"
	done
	! command -v curl >/dev/null || echo 'curl yes'
	if command -v wget >/dev/null; then
		case $(wget --version 2>&1) in
		'GNU Wget'*) echo 'wget gnu' ;;
		*) echo 'wget yes' ;;
		esac
	fi
	! command -v jq >/dev/null || echo 'jq yes'
	! command -v python3 >/dev/null || echo 'python3 yes'
	printf 'algorithm %s\n' "$algorithm"
	docker --version 2>&1 | head -n 1 | sed 's/^/docker /'
}

# listed FILE: sets listed_user and listed_size.
listed() {
	read -r listed_mode listed_links listed_user listed_group listed_size listed_rest <<END
$(ls -ldn -- "$1")
END
	: "$listed_mode" "$listed_links" "$listed_group" "$listed_rest"
}

# files FILE…: NUMBER, fingerprint (or "absent"), and whether it could be changed.
files() {
	files_number=0
	for file in "$@"; do
		files_state=ok
		files_target=$(readlink -f -- "$file")
		if [ -z "$files_target" ]; then
			files_state=directory
		elif [ ! -w "${files_target%/*}" ]; then
			# What is there can be written where it lies.
			[ -e "$files_target" ] && [ -w "$files_target" ] || files_state=directory
		elif [ -e "$files_target" ] && [ ! -w "$files_target" ]; then
			listed "$files_target"
			[ "$listed_user" = "$(id -u)" ] || files_state=owner
		fi
		files_fingerprint=$(fingerprint "$algorithm" "$file") || return 1
		printf '%s %s %s\n' "$files_number" "$files_fingerprint" "$files_state"
		files_number=$((files_number + 1))
	done
}

# room PATH: what is left on its file system, in KiB.
room() {
	df -Pk "$1" | {
		read -r room_head
		read -r room_device room_all room_used room_left room_rest
		: "$room_head" "$room_device" "$room_all" "$room_used" "$room_rest"
		printf '%s' "$room_left"
	}
}

# surroundings [FILE VARIABLE]…: room, and the other projects of this directory whose
# compose files take that variable from that file.
surroundings() {
	printf 'room %s\n' "$(room .)"
	surroundings_engine=$(docker info --format '{{.DockerRootDir}}')
	[ -z "$surroundings_engine" ] || [ ! -d "$surroundings_engine" ] ||
		printf 'engine-room %s\n' "$(room "$surroundings_engine")"
	surroundings_ids=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project.working_dir=$logical")
	[ -n "$surroundings_ids" ] || return 0
	# shellcheck disable=SC2086 # an id a word
	surroundings_made=$(docker inspect --type container --format \
		'{{index .Config.Labels "com.docker.compose.project"}},{{index .Config.Labels "com.docker.compose.project.environment_file"}},,{{index .Config.Labels "com.docker.compose.project.config_files"}}' \
		$surroundings_ids | sort -u)
	while [ "$#" -ge 2 ]; do
		printf '%s\n' "$surroundings_made" | while IFS= read -r made; do
			made_project=${made%%,*}
			[ "$made_project" != "$project" ] || continue
			made=${made#*,}
			case ",${made%%,,*}," in
			,,) [ "$1" = .env ] || continue ;;
			*"/$1,"*) ;;
			*) continue ;;
			esac
			printf '%s\n' "${made#*,,}" | tr , '\n' | while IFS= read -r made_file; do
				grep -qE "[$][{]?$2([^A-Za-z0-9_]|$)" "$made_file" 2>/dev/null || continue
				printf 'neighbour %s %s\n' "$made_project" "$2"
				break
			done
		done
		shift 2
	done
}

# bytes_of FILE: nothing if there is none.
bytes_of() {
	[ ! -e "$1" ] || cat -- "$1"
}

containers() {
	containers_ids=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$project") || return 1
	if [ -z "$containers_ids" ]; then
		echo '[]'
		return 0
	fi
	# shellcheck disable=SC2086 # an id a word
	docker inspect $containers_ids
}

# images REPOSITORY…: what lies here of them, what runs, and what Compose would ask for.
images() {
	images_names=$(
		for repository in "$@"; do
			docker image ls -q --no-trunc --filter "reference=$repository"
		done
		images_ids=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$project")
		# shellcheck disable=SC2086 # an id a word
		[ -z "$images_ids" ] || docker inspect --format '{{.Image}}' $images_ids
		compose config --images 2>/dev/null
	)
	images_names=$(printf '%s\n' "$images_names" | sort -u | head -n 300)
	if [ -z "$images_names" ]; then
		echo '[]'
		return 0
	fi
	set -f
	# What Compose would ask for need not lie here: docker tells of the others.
	# shellcheck disable=SC2086 # a name a word
	docker image inspect $images_names || :
}

# means_in SERVICE PROGRAM…: those that its running container has: one without the
# program answers 126 or 127.
means_in() {
	find_running "$1" 2>/dev/null || return 0
	shift
	limit_to 10
	for program; do
		docker exec "$running" "$program" --help >/dev/null 2>&1
		means_status=$?
		[ "$means_status" -ge 124 ] || printf '%s\n' "$program"
	done
}

# heads_in SERVICE FORMAT COMMAND…: the schema's heads as one line, and a second one with a
# revision that the database has and this image does not; else what was said.
heads_in() {
	heads_service=$1
	heads_in_format=$2
	shift 2
	if read_heads "$heads_in_format" in_service "$heads_service" "$@"; then
		printf '%s\n%s\n' "$heads" "$ahead"
		return
	fi
	printf '%s\n' "$heads_text"
	return 1
}

# image_says IMAGE COMMAND…: what a program of an image that lies here prints by itself, without a
# network, a volume or a variable of the project's: it reads its image and nothing else.
image_says() {
	docker image inspect --format '{{.Id}}' "$1" >/dev/null 2>&1 || return 1
	# A container has to be made for it, and a busy server takes its time; no rollback asks this.
	limit_to 60
	docker run --rm --network none --pull never "$@"
}

ledger() {
	[ ! -r "$root/ledger.jsonl" ] || tail -n 500 "$root/ledger.jsonl"
}

# operation: the newest claim's number, then the number, liveness and record of
# the claim that counts: it, or what it passed and still stands. Behind "format" stands
# which file a newer format has written.
operation() {
	find_shown
	[ -n "$newest" ] || return 0
	number "$newest"
	echo
	printf '%s %s %s\n%s\n' "$(number "$shown")" "$holder" "$newer_file" "$claim"
}

# --- backups and clean-up ---

# backups: "free BYTES" where they are written, and "file SIZE yes|no PATH" for each,
# PATH relative to the project's directory; yes: this user may read it.
backups() {
	backups_where=$root/backups
	[ -d "$backups_where" ] || backups_where=.
	df -Pk "$backups_where" | {
		while read -r df_system df_blocks df_used df_free df_rest; do
			case $df_free in '' | *[!0-9]*) ;; *) printf 'free %s\n' "$((df_free * 1024))" ;; esac
		done
		: "$df_system" "$df_blocks" "$df_used" "$df_rest"
	}
	for backups_file in "$root"/backups/*.dump "$root"/backups/*.dump.part; do
		[ -f "$backups_file" ] || continue
		backups_readable=no
		[ ! -r "$backups_file" ] || backups_readable=yes
		listed "$backups_file"
		printf 'file %s %s %s\n' "$listed_size" "$backups_readable" "$backups_file"
	done
}

# database_size SERVICE DATABASE USER: in bytes; false where it cannot be saved and
# brought back from inside its container.
database_size() {
	find_running "$1" || return
	limit_to 30
	for program in pg_dump pg_restore; do
		postgres "$running" "$program" --version </dev/null >/dev/null || return
	done
	postgres "$running" psql -X -q -A -t -w -U "$3" -d "$2" \
		-c 'SELECT pg_database_size(current_database())' </dev/null
}

# users: ID, image, state and name of every container, and the project that it is of.
users() {
	users_ids=$(docker ps -aq --no-trunc) || return 1
	[ -n "$users_ids" ] || return 0
	# One that has gone since is an error for docker, and not for us.
	# shellcheck disable=SC2086 # an id a word
	docker inspect --type container --format \
		'{{.Id}} {{.Image}} {{.State.Status}} {{.Name}} {{index .Config.Labels "com.docker.compose.project"}}' $users_ids || :
}

# unique_sizes: what each image takes by itself. The Engine may count for minutes.
unique_sizes() {
	limit_to 20
	docker system df -v --format '{{range .Images}}{{.ID}} {{.UniqueSize}}{{println}}{{end}}'
}

# ledger_of DIRECTORY PROJECT: another environment's; false where it cannot be read.
ledger_of() {
	cd -- "$1" || return 1
	ledger_of_root=.flightdeck/$2
	[ -e "$ledger_of_root/ledger.jsonl" ] || return 0
	tail -n 500 "$ledger_of_root/ledger.jsonl"
}

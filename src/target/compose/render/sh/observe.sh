# shellcheck shell=sh
# What is there: written down, compared with a plan's basis, kept of what failed.

# observe SERVICE...: images and health, for the ledger.
observe() {
	look "$@" || fail 'the Engine does not answer: see above'
	judge "$@"
	observe_images=
	while read -r service number id name image rest; do
		case ",$observe_images" in *",$service@"*) continue ;; esac
		[ -z "$service" ] || observe_images="$observe_images,$service@$image"
	done <<END
$seen
END
	: "$number" "$id" "$name" "${rest:-}"
	[ -z "$observe_images" ] || result images "${observe_images#,}"
	if [ -z "$unwell" ]; then
		result healthy yes
		say 'all healthy'
	else
		result healthy no
		printf '%s' "$unwell"
	fi
}

# last_words SERVICE=IMAGE...: of the containers that run IMAGE, or are not well: to
# the output, and to kept/SERVICE.log. What comes then switches: not under a migration.
last_words() {
	for words_word; do
		image_id "${words_word#*=}" || image_id=
		look "${words_word%%=*}" || continue
		keep_words "${words_word%%=*}" "$image_id"
	done
	migrations_end
}

# keep_words SERVICE ID: of the containers in seen. What was kept before stays where
# there are none: they may have been taken away since.
keep_words() {
	mkdir -p "$FD_FOLDER/kept"
	words_kept=
	while read -r service number id name image status health restarts started code; do
		[ -n "$service" ] || continue
		case $image:$status:$health in
		"$2":*) ;;
		*:running:healthy | *:running:none) continue ;;
		esac
		[ -n "$words_kept" ] || : >"$FD_FOLDER/kept/$1.log"
		words_kept=yes
		{
			say "--- ${name#/}: $status, exit code $code, health $health, restarts $restarts, started $started"
			tell_health "$id"
			docker logs --timestamps --tail 200 "$id" 2>&1 | head -c 262144
		} >>"$FD_FOLDER/kept/$1.log"
	done <<END
$seen
END
	: "$number"
	[ -z "$words_kept" ] || cat "$FD_FOLDER/kept/$1.log"
}

basis_differs=no

# differs WHAT EXPECTED FOUND
differs() {
	basis_differs=yes
	printf '%s\t%s\t%s\n' "$1" "$2" "$3"
}

# basis_operation NUMBER: the newest one when the plan was made. The claim of its
# first operation is the one after it.
basis_operation() {
	[ "$1" = "$((FD_FIRST - 1))" ] || differs 'last operation' "$1" "$((FD_FIRST - 1))"
}

# basis_look SERVICE...: for basis_images.
basis_look() {
	if look "$@"; then
		printf '%s' "$seen" >"$FD_FOLDER/containers.basis"
		return
	fi
	differs Engine answering 'not answering'
	exit 1
}

# same LINES LINES: in whatever order: a recreation that was killed leaves two
# containers of one number.
same() {
	[ "$1" = "$2" ] || [ "$(printf '%s' "$1" | sort)" = "$(printf '%s' "$2" | sort)" ]
}

# basis_images SERVICE ID...: those of its containers; from seen.
basis_images() {
	basis_service=$1
	shift
	basis_found=
	while read -r service number id name image rest; do
		[ "$service" != "$basis_service" ] || basis_found="$basis_found$image$newline"
	done <<END
$seen
END
	: "$number" "$id" "$name" "${rest:-}"
	basis_expected=
	for basis_word; do basis_expected="$basis_expected$basis_word$newline"; done
	if same "$basis_found" "$basis_expected"; then return; fi
	short "$@"
	basis_expected=$short
	# shellcheck disable=SC2086 # the IDs are to be split
	short $basis_found
	differs "image of $basis_service" "$basis_expected" "$short"
}

made_format='{{index .Config.Labels "com.docker.compose.service"}} {{index .Config.Labels "com.docker.compose.project.working_dir"}},{{index .Config.Labels "com.docker.compose.project.config_files"}}'

# basis_made_from SERVICE DIRECTORY,FILES...: those of its containers; from seen.
basis_made_from() {
	basis_service=$1
	shift
	basis_ids=
	while read -r service number id rest; do
		[ "$service" != "$basis_service" ] || basis_ids="$basis_ids $id"
	done <<END
$seen
END
	: "$number" "${rest:-}"
	[ -n "$basis_ids" ] || return 0
	basis_expected=
	for basis_word; do basis_expected="$basis_expected$basis_service $basis_word$newline"; done
	# shellcheck disable=SC2086 # the IDs are to be split
	basis_found=$(docker inspect --type container --format "$made_format" $basis_ids)$newline
	same "$basis_found" "$basis_expected" ||
		differs "where $basis_service was made" "$(on_a_line "$basis_expected")" "$(on_a_line "$basis_found")"
}

# on_a_line LINES: without the service that each begins with.
on_a_line() {
	printf '%s' "$1" | sed 's/^[^ ]* //' | tr '\n' ' '
}

# basis_file PATH HASH
basis_file() {
	basis_found=$(fingerprint "${2%%:*}" "$1") || basis_found=unreadable
	[ "$basis_found" != "$2" ] || return 0
	short "$2"
	basis_expected=$short
	case $basis_found in
	*:*)
		short "$basis_found"
		basis_found=$short
		;;
	esac
	differs "$1" "$basis_expected" "$basis_found"
}

# basis_heads HEADS FORMAT COMMAND...: HEADS with commas between, or base.
basis_heads() {
	basis_expected=$1
	shift
	read_heads "$@" || heads=unknown
	[ "$(sorted "$heads")" = "$(sorted "$basis_expected")" ] || differs schema "$basis_expected" "$heads"
}

sorted() {
	printf '%s\n' "$1" | tr , '\n' | sort
}

basis_end() {
	[ "$basis_differs" = no ]
}

# shellcheck shell=sh
# What migration tools answer when they are asked where the schema is. A survey
# reads it with this too.

# read_heads FORMAT COMMAND...: from what it prints, sets heads to the schema's
# heads with commas between, or base; and ahead to a revision that the database has
# and this image does not, where the tool says so by itself. What was printed stays
# in heads_text. False where it cannot be told.
read_heads() {
	heads=
	ahead=
	heads_format=$1
	shift
	heads_text=$("$@") || return 1
	case $heads_format in
	django) heads_django ;;
	rails) heads_rails ;;
	flyway) heads_flyway ;;
	*) heads_lines ;;
	esac || return 1
	heads=${heads#,}
	: "${heads:=base}"
}

# heads_lines: a head stands alone on its line, or before a bracket. Programs greet.
heads_lines() {
	while read -r heads_word heads_rest; do
		case $heads_word in
		'' | [.-]* | *[!A-Za-z0-9._-]*) continue ;;
		esac
		case $heads_rest in
		'' | '('*) heads="$heads,$heads_word" ;;
		esac
	done <<END
$heads_text
END
	[ -n "$heads" ] || [ -z "$heads_text" ]
}

# heads_django: "[X]  app.migration", in the order of the plan; the last of each app.
# Of one whose name has spaces, which no record can hold, it cannot be told.
heads_django() {
	heads_met=no
	while read -r heads_mark heads_word heads_rest; do
		case $heads_mark in
		'[X]') ;;
		'[') heads_met=yes && continue ;;
		*) continue ;;
		esac
		case $heads_word in
		'' | .* | *[!A-Za-z0-9._-]*) continue ;;
		*.*) ;;
		*) continue ;;
		esac
		heads_met=yes
		[ -z "$heads_rest" ] || heads_word="${heads_word%%.*}.*"
		# Behind it stands what was found before of the same app, up to the next comma.
		heads="$heads,"
		case $heads in
		*",${heads_word%%.*}."*)
			heads_rest=${heads#*",${heads_word%%.*}."}
			heads="${heads%%",${heads_word%%.*}."*},${heads_rest#*,}"
			;;
		esac
		heads="${heads%,},$heads_word"
	done <<END
$heads_text
END
	case $heads in *'*'*) return 1 ;; esac
	[ "$heads_met" = yes ]
}

# heads_rails: "up VERSION NAME"; the newest. One without a file below others that
# have one was tidied away; above them, it came from a newer image.
heads_rails() {
	heads_known=0
	heads_met=no
	while read -r heads_mark heads_word heads_rest; do
		case $heads_mark in
		database:)
			# Of several databases, one line says nothing.
			[ "$heads_met" = no ] || return 1
			continue
			;;
		up | down) ;;
		Status) heads_met=yes && continue ;;
		*) continue ;;
		esac
		case $heads_word in
		'' | *[!0-9]*) continue ;;
		esac
		case $heads_mark:$heads_rest in
		*'NO FILE'*) [ "$heads_mark" = down ] || ahead=$heads_word ;;
		*) heads_known=$heads_word ;;
		esac
		[ "$heads_mark" = down ] || heads=$heads_word
	done <<END
$heads_text
END
	[ -z "$ahead" ] || [ "$ahead" -gt "$heads_known" ] || ahead=
	[ "$heads_met" = yes ]
}

# heads_flyway: the field schemaVersion of its JSON.
heads_flyway() {
	case $heads_text in
	*'"schemaVersion"'*) ;;
	*) return 1 ;;
	esac
	heads=${heads_text#*'"schemaVersion"'}
	heads=${heads%%[,\}]*}
	heads=${heads#*:}
	heads=${heads#"${heads%%[!	 ]*}"}
	heads=${heads%"${heads##*[!	 
]}"}
	case $heads in
	null) heads= ;;
	\"*\")
		heads=${heads#?}
		heads=${heads%?}
		;;
	*) return 1 ;;
	esac
	case $heads in
	*[!A-Za-z0-9._-]*) return 1 ;;
	esac
	case $heads_text in
	*'"state": "Future"'* | *'"state":"Future"'*) ahead=$heads ;;
	esac
}

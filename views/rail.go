package views

import (
	"cmp"
	"context"
	"strconv"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
)

// zeroQuery is the first page of all nodes.
var zeroQuery node.Query

// worstWord says a cluster's mark in words; "" for one that nobody has read.
func worstWord(ctx context.Context, worst string) string {
	switch worst {
	case "ok", "warn", "bad":
		return T(ctx, "worst_"+worst)
	default:
		return ""
	}
}

func roleName(ctx context.Context, role services.Role) string {
	if !role.Valid() {
		return ""
	}
	return T(ctx, "role_"+string(role))
}

// otherLocale is the language that the switch offers.
func otherLocale(ctx context.Context) string {
	if Locale(ctx) == LocaleChinese {
		return LocaleEnglish
	}
	return LocaleChinese
}

func currentTheme(ctx context.Context, theme string) string { return cmp.Or(theme, Theme(ctx)) }

func themeName(ctx context.Context, theme string) string {
	return T(ctx, "theme_"+cmp.Or(theme, "auto"))
}

func pressed(on bool) string { return strconv.FormatBool(on) }

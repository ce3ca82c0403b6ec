package handlers

import (
	"net/http"

	"kube-node-manager/handlers/openapi"
	"kube-node-manager/services"
	"kube-node-manager/views/ui"
)

func userRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/users", group: "users", name: "listUsers", summary: "List the users.",
			query: []apiField{textField("q", "Words that must all occur.")}, answers: ok(userListJSON{}),
		},
		{
			method: "POST", path: "/users/new", group: "users", name: "createUser", summary: "Add a user.",
			answers: map[int]any{http.StatusCreated: userJSON{}},
			form: append([]apiField{
				textField("name", "Letters, digits and `. _ - @`."), textField("password", "At least 12 characters."),
			}, accessFields()...),
		},
		{
			method: "GET", path: "/users/{user}", group: "users", name: "showUser", summary: "Show one user.",
			answers: ok(userJSON{}),
		},
		{
			method: "POST", path: "/users/{user}/access", group: "users", name: "setUserAccess",
			summary: "Set all that a user may do.", form: accessFields(), answers: ok(userJSON{}),
		},
		{
			method: "POST", path: "/users/{user}/password", group: "users", name: "resetUserPassword",
			summary: "Set a password, end all sessions, revoke all tokens and interrupt all batches.",
			form:    []apiField{textField("password", "At least 12 characters.")}, answers: ok(userJSON{}),
		},
		{
			method: "POST", path: "/users/{user}/disable", group: "users", name: "disableUser",
			summary: "Block a user until they are enabled.", answers: ok(userJSON{}),
		},
		{
			method: "POST", path: "/users/{user}/enable", group: "users", name: "enableUser",
			summary: "Let a disabled user sign in again.", answers: ok(userJSON{}),
		},
		{
			method: "POST", path: "/users/{user}/signout", group: "users", name: "signOutUser",
			summary: "End all sessions of a user.", answers: ok(userJSON{}),
		},
		{
			method: "POST", path: "/users/{user}/remove-factor", group: "users", name: "removeUserFactor",
			summary: "Remove the second factor of a user and end all their sessions.", answers: ok(userJSON{}),
		},
		{
			method: "POST", path: "/users/{user}/delete", group: "users", name: "deleteUser", summary: "Delete a user.",
			answers: ok(deletedJSON{}),
		},
	}
}

// accessFields are the fields of what a user may do.
func accessFields() []apiField {
	roles := make([]string, 0, len(services.Roles()))
	for _, role := range services.Roles() {
		roles = append(roles, string(role))
	}
	return []apiField{
		choiceField("role", "Role where no grant says otherwise.", roles...),
		listField("grant", "Role in one cluster, `prod: viewer`, or by a label of clusters, `env=staging: user`."),
	}
}

func userTokenRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "POST", path: "/users/{user}/tokens", group: "users", name: "createUserToken",
			summary: "Create a token for a user. The answer is the only one that has it.", form: tokenFields(),
			answers: map[int]any{http.StatusCreated: newTokenJSON{}},
		},
		{
			method: "POST", path: "/users/{user}/tokens/{token}/revoke", group: "users", name: "revokeUserToken",
			summary: "Revoke a token.", answers: ok(revokedJSON{}),
		},
	}
}

func tokenFields() []apiField {
	days := &openapi.Schema{Type: openapi.Types{"string"}}
	return []apiField{
		textField("label", "What the token is for."),
		{"expires", "Days that it is valid, 90 by default, or `never`.", days},
		flagField("read_only", "The token may only see."),
		listField("cluster", "The only clusters that it is for."),
	}
}

func profileRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/profile", group: "profile", name: "showProfile",
			summary: "Show one's own account with its tokens.", answers: ok(profileJSON{}),
		},
		{
			method: "POST", path: "/profile/password", group: "profile", name: "changePassword",
			summary: "Change one's own password; not with a token.", answers: ok(passwordJSON{}),
			form: []apiField{
				textField("current", "The present password."), textField("password", "At least 12 characters."),
			},
		},
		{
			method: "POST", path: "/profile/tokens", group: "profile", name: "createToken",
			summary: "Create a token for oneself; with a token only as an administrator.", form: tokenFields(),
			answers: map[int]any{http.StatusCreated: newTokenJSON{}},
		},
		{
			method: "POST", path: "/profile/tokens/{token}/revoke", group: "profile", name: "revokeToken",
			summary: "Revoke one of one's own tokens; with a token only itself, which is `this`.", answers: ok(revokedJSON{}),
		},
		{
			method: "POST", path: "/profile/signout", group: "profile", name: "signOutEverywhere",
			summary: "End all of one's own sessions.", answers: ok(signedOutJSON{}),
		},
	}
}

func terminalRoutes() []apiRoute {
	return []apiRoute{{
		method: "POST", path: ui.RedeemURL, group: "profile", name: "redeemTerminal", public: true,
		summary: "Get the token that a person has allowed in the browser. The answer is the only one that has it.",
		form: []apiField{
			textField("code", "The code of `/authorize`, which works once."),
			textField("code_verifier", "The secret whose SHA-256 was the `code_challenge`."),
		},
		answers: map[int]any{http.StatusCreated: terminalTokenJSON{}},
	}}
}

func factorRoutes() []apiRoute {
	code := []apiField{textField("code", "A code of the app, or a recovery code.")}
	return []apiRoute{
		{
			method: "GET", path: "/profile/factor", group: "profile", name: "showFactor",
			summary: "Show one's own second factor.", answers: ok(factorJSON{}),
		},
		{
			method: "POST", path: "/profile/factor", group: "profile", name: "beginFactor",
			summary: "Make the secret of a second factor; not with a token.", answers: ok(enrolmentJSON{}),
			form: []apiField{textField("current", "The present password.")},
		},
		{
			method: "POST", path: "/profile/factor/add", group: "profile", name: "addFactor",
			summary: "Put that second factor to use and end all other sessions. " +
				"The answer is the only one that has the recovery codes.",
			form: []apiField{textField("code", "The first code of the app.")}, answers: ok(recoveryJSON{}),
		},
		{
			method: "POST", path: "/profile/factor/codes", group: "profile", name: "renewRecoveryCodes",
			summary: "Replace the recovery codes.", form: code, answers: ok(recoveryJSON{}),
		},
		{
			method: "POST", path: "/profile/factor/remove", group: "profile", name: "removeFactor",
			summary: "Remove one's own second factor and end all other sessions.", form: code, answers: ok(factorJSON{}),
		},
	}
}

package auth

import (
	"fmt"
	"io"
	"strings"
)

// WriteNATSConf writes the users as the authorization block of a nats-server's configuration: to be
// included there, for who runs a NATS server of his own. It holds public keys only. direct is
// [Issuer.DirectGet].
func WriteNATSConf(w io.Writer, users []User, direct bool) error {
	var b strings.Builder
	b.WriteString("authorization {\n  users = [\n")
	for _, u := range users {
		rights := u.exported(direct)
		fmt.Fprintf(&b, "    # %s %s\n    {\n      nkey: %s\n      allowed_connection_types: [%s]\n      permissions {\n        publish { allow: [%s] }\n        subscribe { allow: [%s] }\n      }\n    }\n",
			u.Role, u.Name, u.Key, strings.Join(u.ConnectionTypes(), ", "), quoted(rights.Publish), quoted(rights.Subscribe))
	}
	b.WriteString("  ]\n}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteNSC writes the commands of NATS's nsc that make the same users with JWTs, in the account that
// nsc has selected. Their keys are nsc's own: it makes new ones and hands out .creds files. direct is
// [Issuer.DirectGet].
func WriteNSC(w io.Writer, users []User, direct bool) error {
	var b strings.Builder
	for _, u := range users {
		rights := u.exported(direct)
		fmt.Fprintf(&b, "nsc add user --name %s --tag %s --allow-pub '%s' --allow-sub '%s'\nnsc edit user --name %s --conn-type %s\n",
			u.Name, roleTag+string(u.Role), strings.Join(rights.Publish, ","), strings.Join(rights.Subscribe, ","), u.Name, strings.Join(u.ConnectionTypes(), ","))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func quoted(subjects []string) string {
	// No subject has a quote in it: names and ids are checked.
	return `"` + strings.Join(subjects, `", "`) + `"`
}

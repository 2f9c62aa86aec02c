package cli

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// endsSoon is when the end of a certificate is told beforehand.
const endsSoon = 30 * 24 * time.Hour

// checkCredentials looks at the credentials file that this command would use, and at the folders of
// users that the file names. Without any there is nothing to find.
func checkCredentials(_ context.Context, p *patient) []finding {
	var found []finding
	if p.creds != "" {
		c, err := auth.ReadCredentials(p.creds)
		if err != nil {
			found = append(found, finding{Status: fail, Text: err.Error(), Do: "`lensbus auth add` or `lensbus auth rotate` makes one, on the machine where the users are"})
		} else {
			p.who = &c
			text := fmt.Sprintf("%s is %s %s", p.creds, c.Role, c.Name)
			if list := (auth.User{Role: c.Role, Cameras: c.Cameras, All: c.All}).CameraList(); c.Role != auth.Admin {
				text += ", for cameras " + list
			}
			found = append(found, finding{Status: ok, Text: text})
			for what, data := range map[string][]byte{"CA": c.CA, "client certificate": c.Certificate} {
				if len(data) > 0 {
					found = append(found, certificateEnding("the "+what+" in "+p.creds, data, time.Now(), "lensbus auth rotate "+c.Name)...)
				}
			}
		}
	}
	folders := []string{p.file.Broker.Auth, p.file.Web.Auth}
	slices.Sort(folders)
	for _, dir := range slices.Compact(folders) {
		if dir != "" {
			found = append(found, checkFolder(dir)...)
		}
	}
	return found
}

// checkFolder looks at a folder of users as the broker and the page will.
func checkFolder(dir string) []finding {
	folder := auth.Open(dir)
	users, err := folder.Users()
	if err != nil {
		return []finding{{Status: fail, Text: err.Error()}}
	}
	if len(users) == 0 {
		return []finding{{Status: fail, Text: "no users in " + dir, Do: "`lensbus auth init --dir " + dir + "` makes the first"}}
	}
	people, err := login.List(folder.Path(auth.PeopleFile))
	if err != nil {
		return []finding{{Status: fail, Text: err.Error()}}
	}
	found := []finding{{Status: ok, Text: fmt.Sprintf("%s has %d users of the broker and %d people of the page", dir, len(users), len(people))}}
	for name, repair := range map[string]string{auth.CAFile: "a new folder, and new credentials for all", auth.CertificateFile: "lensbus auth rotate --dir " + dir} {
		data, err := os.ReadFile(folder.Path(name))
		if err != nil {
			found = append(found, finding{Status: fail, Text: err.Error(), Do: repair})
			continue
		}
		found = append(found, certificateEnding(folder.Path(name), data, time.Now(), repair)...)
	}
	for _, name := range []string{auth.CAKeyFile, auth.KeyFile} {
		if info, err := os.Stat(folder.Path(name)); err == nil && info.Mode().Perm()&0o077 != 0 {
			found = append(found, finding{Status: fail, Text: fmt.Sprintf("others can read %s (mode %04o)", folder.Path(name), info.Mode().Perm()), Do: "chmod 600 it, and begin anew if somebody may have read it"})
		}
	}
	if infos, err := filepath.Glob(folder.Path(filepath.Join(auth.CredentialsDir, "*.creds"))); err == nil && len(infos) > 0 {
		for _, path := range infos {
			if _, err := auth.ReadCredentials(path); err != nil {
				found = append(found, finding{Status: fail, Text: err.Error()})
			}
		}
	}
	return found
}

// certificateEnding says of a certificate that it has ended or soon will; nothing where it holds on.
func certificateEnding(what string, data []byte, now time.Time, repair string) []finding {
	block, _ := pem.Decode(data)
	err := errors.New("no certificate in PEM")
	var certificate *x509.Certificate
	if block != nil {
		certificate, err = x509.ParseCertificate(block.Bytes)
	}
	switch {
	case err != nil:
		return []finding{{Status: fail, Text: what + ": " + err.Error(), Do: repair}}
	case now.After(certificate.NotAfter):
		return []finding{{Status: fail, Text: fmt.Sprintf("%s has expired on %s", what, certificate.NotAfter.Format(time.DateOnly)), Do: repair}}
	case certificate.NotAfter.Sub(now) < endsSoon:
		return []finding{{Status: warn, Text: fmt.Sprintf("%s expires on %s", what, certificate.NotAfter.Format(time.DateOnly)), Do: repair}}
	case now.Before(certificate.NotBefore):
		return []finding{{Status: fail, Text: what + " holds only from " + certificate.NotBefore.Format(time.DateTime) + " on: is this machine's clock right?", Do: "set the clock"}}
	}
	return nil
}

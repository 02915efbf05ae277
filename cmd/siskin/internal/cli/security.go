package cli

import "github.com/spf13/cobra"

func newSecurity() *cobra.Command {
	return &cobra.Command{
		Use:   "security",
		Short: "How siskin reaches a broker with TLS, users and passwords",
		Long: `  The settings come from the environment, or from the file of --config under
  "security:", as in "security: {tls: true}". There are no flags for them: what
  is on a command line can be read by everybody on the machine.

  SISKIN_SECURITY_TLS            true for TLS
  SISKIN_SECURITY_CA_FILE        PEM file of the authority, if it is your own
  SISKIN_SECURITY_CERT_FILE      PEM file of a client certificate,
  SISKIN_SECURITY_KEY_FILE       and that of its private key
  SISKIN_SECURITY_SERVER_NAME    the name in the broker's certificate, if the
                                 address is another one
  SISKIN_SECURITY_MECHANISM      plain, scram-sha-256 or scram-sha-512
  SISKIN_SECURITY_USER           the user,
  SISKIN_SECURITY_PASSWORD       the password, or
  SISKIN_SECURITY_PASSWORD_FILE  a file that holds it`,
	}
}

// Package security is how a program and its brokers prove to each other who they
// are: TLS, client certificates, and SASL with a user and a password. It also
// puts into words what a broker refuses, and holds secrets so that they are not
// printed.
//
// A program sets [Settings] as siskin.Config.Security, or loads them with package
// config: `security.user` in a file is SISKIN_SECURITY_USER in the environment.
package security

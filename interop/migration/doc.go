// Package migration tests a Siskin service as one more member of a live group of
// NestJS servers: what both write to the group, who takes over from whom, and a
// rolling migration under load, there and back. It has no code of its own.
package migration

// Package nestjs makes a [siskin.Config] from the options of NestJS's Kafka
// transport, under the names that a team with NestJS services knows: client,
// consumer, producer, run, subscribe, send, postfixId. Fill in [Options] in code,
// or take them from the JSON of a settings file with [Load] or [Parse].
//
// Nothing is passed over in silence. [Table] has each option of NestJS and
// kafkajs and what becomes of it; docs/guides/nestjs-options.md is this table. An
// option that does not exist, that cannot be taken over, or that would lose
// records is an error that says what to do instead.
package nestjs

// Package deadletters tests that "siskin dlt" reads the dead letters of Spring Kafka
// and of Watermill, written by the real ones, and puts them back to them. Their
// programs are in ../spring and ../watermill. It tests too that Siskin and Spring Kafka
// read what the other has written into a retry topic. It has no code of its own.
//
// It needs Java 17 or newer, and Maven for the first run.
package deadletters

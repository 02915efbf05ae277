// Command faults plays a seeded run of faults against a consumer group of real
// processes and computes from what they wrote down, and from what the brokers
// hold in the end, whether Siskin kept its promises.
//
// Service processes are killed and replaced, others join and leave, brokers
// restart in turn, and a dialer resets, delays and stalls connections. Some
// records make their handler panic, run out of time or fail five times, and
// some cannot be decoded. What is to happen follows from the seed alone; what
// came of it is in the ledger: see docs/reliability.
//
// The files by what they are for: plan and fate are what the seed decides; cluster,
// service, link and load are what runs; stage plays the plan; journal and history
// are what was written down; ledger judges it and knows nothing of the rest;
// report prints it.
package main

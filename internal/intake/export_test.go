package intake

// Retried reports whether the record comes from the retry topic.
func (i Item) Retried() bool { return i.entry != nil }

// Reread does what the poll loop does for a topic that was made anew.
func (in *Intake) Reread(topic string) { in.reread(topic) }

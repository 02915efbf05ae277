package intake

// Retried reports whether the record comes from the retry topic.
func (i Item) Retried() bool { return i.entry != nil }

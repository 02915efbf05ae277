// Package load keeps calls in flight and measures how long they take.
package load

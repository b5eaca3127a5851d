package webhook

// slots count what may be done at a time.
type slots chan struct{}

func newSlots(n int) slots {
	s := make(slots, n)
	s.give(n)
	return s
}

// take takes up to most slots, as many as there are, and answers how many.
func (s slots) take(most int) (n int) {
	for ; n < most; n++ {
		select {
		case <-s:
		default:
			return n
		}
	}
	return n
}

func (s slots) give(n int) {
	for range n {
		s <- struct{}{}
	}
}

package siskin_test

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// With ManualCommit a record is done when its author says so, here after several
// were written together. As with kafkajs, the next offset is committed.
func Example_manualCommit() {
	rows := siskin.NewEvent[int](siskintest.Name("rows"))
	p := play()
	defer p.end()

	written := make(chan string)
	var batch []*siskin.Delivery
	svc := p.service()
	rows.On(svc, func(ctx context.Context, _ int) error {
		d, _ := siskin.DeliveryFrom(ctx)
		if batch = append(batch, d); len(batch) < 3 {
			return nil
		}
		for _, d := range batch {
			if err := d.Commit(ctx); err != nil {
				return err
			}
		}
		info := svc.Info().Partitions[0]
		written <- fmt.Sprint("committed ", info.Committed, ", unfinished ", info.Unfinished)
		return nil
	}, siskin.ManualCommit(), siskin.Ordered())
	p.run(svc)

	_, err := rows.EmitBatch(context.Background(), p.client(), []int{1, 2, 3})
	fmt.Println(err)
	fmt.Println(<-written)
	// Output:
	// <nil>
	// committed 3, unfinished 0
}

package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/gateway"
	"github.com/siskin-go/siskin/siskintest"
)

var (
	Sum   = siskin.NewRPC[[]float64, float64]("sum")
	Print = siskin.NewEvent[string]("print")
)

// A service on Kafka that can be called with curl.
func Example() {
	broker, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()
	stop, err := startMath(broker.Addrs())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	client, err := siskin.NewClient(siskin.Config{Brokers: broker.Addrs(), Logger: siskintest.Quiet()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close(context.Background())

	mux := gateway.NewMux()
	mux.Handle("POST /sum", gateway.Call(Sum, client, gateway.WithStatus(http.StatusCreated)))
	type body struct{ Message string }
	mux.Handle("POST /print", gateway.EmitAs(Print, client,
		func(_ *http.Request, b body) (string, error) { return b.Message, nil },
		gateway.WithStatus(http.StatusCreated), gateway.WithAnswer(gateway.NestMetadata)))

	server := httptest.NewServer(mux)
	defer server.Close()
	curl(server, "/sum", `[1, 2, 3]`)
	curl(server, "/sum", `{"a": 1}`)
	curl(server, "/sum", `[]`)
	curl(server, "/print", `{"message": "hi"}`)
	curl(server, "/max", `[]`)
	// Output:
	// 201 6
	// 400 {"error":{"code":"invalid","message":"the body must be an array, but is an object"}}
	// 400 {"error":{"code":"invalid","message":"nothing to add"}}
	// 201 [{"topicName":"print","partition":0,"errorCode":0,"baseOffset":"0","logAppendTime":"-1"}]
	// 404 {"error":{"code":"not_found","message":"nothing is served at this path"}}
}

// startMath runs a service until the returned function is called.
func startMath(brokers []string) (stop func(), err error) {
	svc, err := siskin.NewService(siskin.Config{Brokers: brokers, Group: "math", Logger: siskintest.Quiet()})
	if err != nil {
		return nil, err
	}
	Sum.Handle(svc, func(_ context.Context, xs []float64) (total float64, err error) {
		if len(xs) == 0 {
			return 0, siskin.Errorf(siskin.CodeInvalid, "nothing to add")
		}
		for _, x := range xs {
			total += x
		}
		return total, nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	return func() { cancel(); <-ended }, svc.Ready(ctx)
}

func curl(server *httptest.Server, path, body string) {
	res, err := server.Client().Post(server.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.StatusCode, string(answer))
}

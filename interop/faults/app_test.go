package faults_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/examples/demo/mathhttp"
	"github.com/siskin-go/siskin/examples/demo/mathsvc"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/siskintest"
)

// app runs the halves of examples/demo, whose topics have fixed names.
func (o ours) app(x *exam, part, group string) (url string) {
	x.Helper()
	if part != "http" {
		svc, err := siskin.NewService(o.config(group))
		x.must(err)
		mathsvc.Register(svc, io.Discard)
		siskintest.Run(x.T, svc)
	}
	if part == "worker" {
		return ""
	}
	web := httptest.NewServer(mathhttp.Handler(siskintest.Client(x.T, o.config(group))))
	x.Cleanup(web.Close)
	return web.URL
}

// app runs app.js, which is the public example with these topics.
func (t theirs) app(x *exam, part, group string) (url string) {
	x.Helper()
	ctx, cancel := context.WithTimeout(x.ctx, patience)
	defer cancel()
	p, err := peer.Start(ctx, peer.Options{Dir: nestDir, Program: "app.js", Env: []string{
		"BROKERS=" + strings.Join(t.addrs, ","), "GROUP_ID=" + group, "ROLE=" + part, "PORT=0",
	}}, func(peer.Line) {})
	x.must(err)
	x.Cleanup(func() { x.must(p.Stop()) })
	return fmt.Sprintf("http://127.0.0.1:%d", p.Port())
}

// post returns what the app answers.
func (x *exam) post(url, body string) (status int, answer string) {
	x.Helper()
	req, err := http.NewRequestWithContext(x.ctx, http.MethodPost, url, strings.NewReader(body))
	x.must(err)
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(req)
	x.must(err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	x.must(err)
	return res.StatusCode, string(text)
}

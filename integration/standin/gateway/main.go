// Command gateway stands in for one node of a webMethods API Gateway cluster,
// which no public registry offers. What it imitates, its environment variables
// and its faults are in integration/standin/README.md.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/cutover/cutover/integration/standin/gateway/node"
)

func main() {
	cfg, err := node.FromEnv(os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	cfg.Logf = log.Printf
	var current atomic.Pointer[node.Node]
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for range signals {
			if n := current.Load(); n != nil {
				n.Terminate()
			}
		}
	}()
	for {
		n := node.New(cfg)
		current.Store(n)
		exit, err := n.Run(context.Background())
		if err != nil {
			log.Print(err)
		}
		if !exit.Bounce {
			os.Exit(exit.Code)
		}
	}
}

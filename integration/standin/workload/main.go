// Command workload sends a steady stream of requests to one or more load
// balancers until SIGTERM, SIGINT or -for, and prints one JSON account of it.
// It exits with 1 when a request was lost.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/cutover/cutover/integration/standin/workload/load"
)

func main() {
	var cfg load.Config
	flag.Func("url", "base URL of a load balancer; repeatable, or several with commas", func(text string) error {
		for url := range strings.SplitSeq(text, ",") {
			cfg.URLs = append(cfg.URLs, strings.TrimSuffix(strings.TrimSpace(url), "/"))
		}
		return nil
	})
	flag.Float64Var(&cfg.Rate, "rate", 200, "requests per second over all URLs")
	flag.DurationVar(&cfg.Duration, "for", 0, "how long; 0 means until SIGTERM or SIGINT")
	flag.DurationVar(&cfg.Timeout, "timeout", 0, "for one request; 0 means 30s")
	app := flag.String("app", "gateway", "the mix of requests: gateway or httpbin")
	flag.Parse()
	switch *app {
	case "gateway":
		cfg.Requests = load.GatewayMix()
	case "httpbin":
		cfg.Requests = load.HTTPBinMix()
	default:
		log.Fatalf("-app is gateway or httpbin, not %q", *app)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	sum, err := load.Run(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(sum); err != nil {
		log.Fatal(err)
	}
	if sum.Lost > 0 {
		os.Exit(1)
	}
}

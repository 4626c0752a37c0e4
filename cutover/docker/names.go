package docker

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
)

func containerName(c container.InspectResponse) string { return strings.TrimPrefix(c.Name, "/") }

// baseName is the name that a container's node had before any rollout.
func baseName(c container.InspectResponse) string {
	if base := c.Config.Labels[LabelBase]; base != "" {
		return base
	}
	return containerName(c)
}

// compareNames orders gateway-2 before gateway-10.
func compareNames(a, b string) int {
	for a != "" && b != "" {
		headA, restA := chunk(a)
		headB, restB := chunk(b)
		numberA, errA := strconv.Atoi(headA)
		numberB, errB := strconv.Atoi(headB)
		order := cmp.Compare(headA, headB)
		if errA == nil && errB == nil {
			order = cmp.Or(cmp.Compare(numberA, numberB), order)
		}
		if order != 0 {
			return order
		}
		a, b = restA, restB
	}
	return cmp.Compare(a, b)
}

// chunk cuts the leading run of digits, or of anything else, off a text.
func chunk(text string) (head, rest string) {
	isDigit := func(i int) bool { return text[i] >= '0' && text[i] <= '9' }
	end := 1
	for end < len(text) && isDigit(end) == isDigit(0) {
		end++
	}
	return text[:end], text[end:]
}

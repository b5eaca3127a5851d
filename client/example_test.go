package client_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sojourn-auth/sojourn/client"
)

// The whole life of a session.
func Example() {
	c, err := client.New("sk_test_…", client.WithURL("http://127.0.0.1:4000"))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	user, err := c.Users.Create(ctx, client.CreateUser{EmailAddress: []string{"maria@example.com"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	session, err := c.Sessions.Create(ctx, client.CreateSession{UserID: client.Set(user.ID)})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := c.Sessions.CreateToken(ctx, session.ID, client.CreateToken{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.JWT)
	if _, err := c.Sessions.Revoke(ctx, session.ID); err != nil {
		fmt.Println(err)
	}
}

// Errors say what an answer means, and exactly what is wrong.
func Example_errors() {
	c, err := client.New("sk_test_…", client.WithURL("http://127.0.0.1:4000"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.Sessions.Get(context.Background(), "sess_unknown")
	var told *client.APIError
	switch {
	case errors.Is(err, client.ErrNotFound):
		fmt.Println("there is no such session")
	case errors.Is(err, client.ErrRateLimited) && errors.As(err, &told):
		fmt.Println("try again in", told.RetryAfter)
	case errors.As(err, &told):
		fmt.Println(told.Code(), "trace", told.TraceID)
	}
}

// All sessions of a user, page by page.
func ExampleSessions_All() {
	c, err := client.New("sk_test_…", client.WithURL("http://127.0.0.1:4000"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for session, err := range c.Sessions.All(context.Background(), client.ListSessions{UserID: "user_1", Status: "active"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(session.ID)
	}
}

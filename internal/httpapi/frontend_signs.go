package httpapi

import "github.com/sojourn-auth/sojourn/internal/app"

func signRoutes(_ *app.App) []FrontendRoute { return nil }
